// What the open chat has cost, asked for when a turn has ended and when another chat is opened.
import { createStore } from "/js/AlpineStore.js";
import { callJsonApi } from "/js/api.js";

const EVERY_MS = 5000;
const WORDS = {
  off: "",
  unknown: "Bursar: nothing reported yet",
  away: "Bursar cannot be reached",
  forbidden: "Bursar: this key may not read costs",
};

function money(text) {
  if (text === null || text === undefined) return "unknown cost";
  const amount = Number(text);
  if (amount === 0) return "$0";
  if (amount < 0.01) return `$${amount.toPrecision(2)}`;
  return amount < 1 ? `$${amount.toFixed(4)}` : `$${amount.toFixed(2)}`;
}

const model = {
  text: "",
  title: "",
  page: "",
  taskId: "",
  judged: null,
  busy: false,
  _timer: null,

  watch() {
    if (this._timer) return;
    this._timer = setInterval(() => document.hidden || this.refresh(), EVERY_MS);
    this.refresh();
  },

  async refresh() {
    const chat = globalThis.getContext?.();
    if (!chat) return;
    try {
      this.show(await callJsonApi("/plugins/bursar/chat_cost", { context_id: chat }));
    } catch {
      this.text = "";
    }
  },

  show(told) {
    if (told.task_id !== this.taskId) this.judged = null;
    this.taskId = told.task_id ?? "";
    this.page = told.page ?? "";
    if (told.state !== "ok") {
      this.text = WORDS[told.state] ?? "";
      this.title = told.why ?? "";
      return;
    }
    const marks = [];
    if (told.estimated_calls) marks.push(`${told.estimated_calls} estimated`);
    if (told.unpriced_calls) marks.push(`${told.unpriced_calls} without a price`);
    const turn = told.turn_tokens === null ? "" : `Last turn ${money(told.turn_cost_usd)}, ${told.turn_tokens.toLocaleString("en")} tokens. `;
    const limit = told.budget?.limit_usd ? ` of ${money(told.budget.spent_usd)} / ${money(told.budget.limit_usd)} (${told.budget.name})` : "";
    this.text = `${turn}Chat ${money(told.cost_usd)}${limit}`;
    this.title = [`${told.tokens.toLocaleString("en")} tokens in this chat`, ...marks].join(", ");
    if (marks.length) this.text += ` · ${marks.join(", ")}`;
  },

  async judge(isGood) {
    const chat = globalThis.getContext?.();
    if (!chat) return;
    this.busy = true;
    try {
      await callJsonApi("/plugins/bursar/judge", { context_id: chat, is_good: isGood });
      this.judged = isGood;
    } finally {
      this.busy = false;
    }
  },
};

export const store = createStore("bursar", model);
