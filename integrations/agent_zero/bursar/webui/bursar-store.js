// What the open chat has cost, asked for when messages came and when another chat is opened; and the thumbs.
import { createStore } from "/js/AlpineStore.js";
import { callJsonApi } from "/js/api.js";
import { createActionButton } from "/components/messages/action-buttons/simple-action-buttons.js";

// The counts of the last call come a moment after its answer; without any, an estimate comes seconds later.
const AFTER_MESSAGES_MS = [800, 5000];
const LOOK_MS = 1000;
const EVERY_MS = 60000;
const WORDS = {
  unknown: "Bursar: nothing reported yet",
  away: "Bursar cannot be reached",
  forbidden: "Bursar: this key may not read costs",
};
const THUMBS = [
  { icon: "thumb_up", isGood: true, label: "Good answer" },
  { icon: "thumb_down", isGood: false, label: "Not a good answer" },
];

function money(text) {
  if (text === null || text === undefined) return "cost unknown";
  const amount = Number(text);
  if (amount === 0) return "$0";
  if (amount < 0.01) return `$${Number(amount.toPrecision(2))}`;
  return amount < 1 ? `$${amount.toFixed(4)}` : `$${amount.toFixed(2)}`;
}

function limit(text) {
  return `$${Number(text).toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 4 })}`;
}

function tokens(count) {
  return `${count.toLocaleString("en")} tokens`;
}

// The words of one answer of the plugin; `parts` stand beside each other, `title` tells the rest.
function words(told) {
  if (told.state !== "ok") return { parts: [WORDS[told.state]].filter(Boolean), title: told.why ?? "" };
  const turn = told.turn_tokens === null ? [] : [`Last turn ${money(told.turn_cost_usd)} · ${tokens(told.turn_tokens)}`];
  const marks = [];
  if (told.estimated_calls) marks.push(`${told.estimated_calls} estimated`);
  if (told.unpriced_calls) marks.push(`${told.unpriced_calls} without a price`);
  const chat = [`Chat ${money(told.cost_usd)} · ${tokens(told.tokens)}`, ...marks].join(" · ");
  const budget = told.budget ? [`${told.budget.name} ${money(told.budget.spent_usd)} of ${limit(told.budget.limit_usd)}`] : [];
  return { parts: [...turn, chat, ...budget], title: "Open this chat in Bursar" };
}

const model = {
  parts: [],
  title: "",
  page: "",
  state: "",
  level: "",
  answers: {},
  _chat: "",
  _asked: 0,
  _elements: new Map(),
  _timers: [],

  watch() {
    if (this._timers.length) return;
    this._timers = [
      setInterval(() => globalThis.getContext?.() !== this._chat && this.refresh(), LOOK_MS),
      setInterval(() => document.hidden || this.refresh(), EVERY_MS),
    ];
    this.refresh();
  },

  // Answers that were drawn, by their number in the chat.
  drew(numbers) {
    for (const [number, element] of numbers) this._elements.set(String(number), element);
    this.decorate();
    for (const timer of this._soon ?? []) clearTimeout(timer);
    this._soon = AFTER_MESSAGES_MS.map((pause) => setTimeout(() => this.refresh(), pause));
  },

  async refresh() {
    const chat = globalThis.getContext?.() ?? "";
    if (chat !== this._chat) this.show({ state: "off" });
    this._chat = chat;
    if (!chat) return;
    const asked = ++this._asked;
    let told;
    try {
      told = await callJsonApi("/plugins/bursar/chat_cost", { context_id: chat });
    } catch {
      told = { state: "off" };
    }
    if (asked === this._asked) this.show(told);
  },

  show(told) {
    ({ parts: this.parts, title: this.title } = words(told));
    this.state = told.state;
    this.page = told.page ?? "";
    this.level = told.budget?.state ?? "";
    this.answers = told.answers ?? {};
    this.decorate();
    this.showPreset(told.preset);
  },

  // The tool switch_model chooses a preset without the switcher knowing.
  showPreset(preset) {
    const switcher = globalThis.Alpine?.store("modelConfig");
    if (preset === undefined || !switcher?.refreshSwitcher || switcher.switcherLoading) return;
    if ((switcher.switcherOverride?.preset_name ?? null) !== preset) switcher.refreshSwitcher(this._chat);
  },

  // Thumbs under every answer that Bursar knows.
  decorate() {
    for (const [number, element] of this._elements) {
      if (!element.isConnected) this._elements.delete(number);
      else if (number in this.answers) this._thumbs(number, element);
    }
  },

  _thumbs(number, element) {
    for (const bar of element.querySelectorAll(".step-action-buttons")) {
      for (const { icon, isGood, label } of THUMBS) {
        let button = bar.querySelector(`.action-${icon}`);
        if (!button) {
          button = createActionButton(icon, label, () => this.judge(number, isGood));
          bar.appendChild(button);
        }
        const isPressed = this.answers[number] === isGood;
        button.setAttribute("aria-pressed", String(isPressed));
        button.classList.toggle("bursar-pressed", isPressed);
      }
    }
  },

  async judge(number, isGood) {
    const chat = globalThis.getContext?.();
    const told = await callJsonApi("/plugins/bursar/judge", { context_id: chat, answer: number, is_good: isGood });
    if (!told?.ok) throw new Error("Bursar did not take it");
    this.answers = told.answers;
    this.decorate();
  },
};

export const store = createStore("bursar", model);
