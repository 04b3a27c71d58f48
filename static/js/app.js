// Makes pages that work without it smoother. The only file that knows htmx's event names.
(() => {
  "use strict";
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

  // Words for everyone
  const announce = (text) => {
    const region = $("#announce");
    region.textContent = "";
    setTimeout(() => (region.textContent = text), 50);   // an unchanged text would not be read again
  };

  const button = (label, className) => {
    const element = document.createElement("button");
    element.type = "button";
    element.className = className;
    element.textContent = label;
    return element;
  };

  /** Shows {text, level, undo: {url, label}, link: {url, label}, stays} for 8 s; with an act it stays until dismissed. */
  const toast = ({ text, level = "ok", undo, link, stays }) => {
    const box = document.createElement("div");
    box.className = `toast ${level}`;
    const words = document.createElement("span");
    words.textContent = text;
    const close = button("Dismiss", "btn quiet small");
    close.onclick = () => box.remove();
    box.append(words);
    if (undo) {
      const act = button(undo.label || "Undo", "btn small");
      act.onclick = () => { box.remove(); htmx.ajax("POST", undo.url, { swap: "none" }); };
      box.append(act);
    } else if (link) {
      const way = document.createElement("a");
      way.className = "btn small";
      way.href = link.url;
      way.target = "_blank";
      way.textContent = link.label;
      box.append(way);
    } else if (!stays) {
      const leave = () => (box.matches(":hover, :focus-within") ? setTimeout(leave, 2000) : box.remove());
      setTimeout(leave, 8000);
    }
    box.append(close);
    $("#toasts").append(box);
  };

  // The bar on top, after 120 ms
  let waiting = 0, timer = 0;
  const busy = (change) => {
    waiting = Math.max(0, waiting + change);
    clearTimeout(timer);
    if (waiting) timer = setTimeout(() => $("#progress").classList.add("on"), 120);
    else $("#progress").classList.remove("on");
  };

  // htmx
  let focused = null;   // what had the focus before the swap: its id and, for links, its address
  const on = (name, act) => document.addEventListener(`htmx:${name}`, (event) => act(event.detail, event));

  on("configRequest", (detail) => { detail.headers["X-CSRFToken"] = document.body.dataset.csrf; });
  const quiet = (detail) => "poll" in detail.elt.dataset;   // polling shows no bar, and rests in the background
  on("confirm", (detail, event) => { if (document.hidden && quiet(detail)) event.preventDefault(); });
  on("beforeRequest", (detail) => {
    if (quiet(detail)) return;
    busy(1);
    detail.target.setAttribute("aria-busy", "true");
  });
  on("afterRequest", (detail) => {
    if (quiet(detail)) return;
    busy(-1);
    detail.target.removeAttribute("aria-busy");
  });
  on("beforeSwap", (detail) => {
    const active = document.activeElement;
    focused = detail.target.contains(active) ? { id: active.id, name: active.textContent.trim(), tag: active.tagName } : null;
  });
  on("beforeCleanupElement", (detail) => window.bursarCharts?.destroy(detail.elt));
  on("afterSettle", (detail) => {
    enhance(detail.elt);
    const said = detail.elt.closest("[data-announce]") || $("[data-announce]", detail.elt);
    if (said) announce(said.dataset.announce);
    restoreFocus(detail.elt);
  });
  on("historyRestore", () => enhance(document));
  let isOut = false;   // said once, however often a part of the page is asked for
  const signedOut = () => {
    if (isOut) return;
    isOut = true;
    toast({
      level: "danger", text: "You are signed out. Sign in in another tab, then go on here: what you typed stays.",
      link: { url: `/login?next=${encodeURIComponent(location.pathname + location.search)}`, label: "Sign in" },
    });
  };
  on("afterOnLoad", ({ xhr }) => { if (xhr.status < 400) isOut = false; });
  const failed = (what) => toast({ level: "danger", text: `${what} Nothing on this page was changed.` });
  on("responseError", ({ xhr }) => {
    const id = xhr.getResponseHeader("X-Request-ID");
    if (xhr.status === 401) signedOut();
    else if (xhr.status === 403) failed("You may not do this.");
    else failed(`The server answered ${xhr.status}.${id ? ` Request ${id}.` : ""}`);
  });
  on("sendError", () => failed("Bursar could not be reached."));
  on("timeout", () => failed("Bursar did not answer within 15 s."));
  document.addEventListener("toast", (event) => toast(event.detail));

  const restoreFocus = (root) => {
    const summary = $(".errors", root);
    if (summary) return summary.focus();
    if (document.activeElement !== document.body || !focused) return;
    const same = focused.id ? document.getElementById(focused.id)
      : $$(focused.tag, root).find((element) => element.textContent.trim() === focused.name);
    (same || $("#main")).focus({ preventScroll: true });
  };

  // Things that need a script to be useful
  const copy = async (control) => {
    const source = document.getElementById(control.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent.trim());
      control.textContent = "Copied";
      announce("Copied.");
    } catch {
      getSelection().selectAllChildren(source);   // plain http has no clipboard: select, the person copies
      control.textContent = "Selected";
      announce("Selected. Press Control C to copy.");
    }
    setTimeout(() => (control.textContent = "Copy"), 4000);
  };

  const relative = (element) => {
    const seconds = Math.max(0, Math.round((Date.now() - Date.parse(element.dateTime)) / 1000));
    const [size, unit] = seconds < 60 ? [1, "s"] : seconds < 3600 ? [60, "min"] : seconds < 86400 ? [3600, "h"] : [86400, "d"];
    element.textContent = `${Math.floor(seconds / size)} ${unit} ago`;
  };

  const enhance = (root) => {
    $$("[data-copy]", root).forEach((control) => (control.hidden = false));
    window.bursarCharts?.draw(root);
  };

  const openDialog = (dialog) => {
    if (dialog.open) return;
    dialog.showModal();
    $("[autofocus]", dialog)?.focus();
  };

  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-copy], [data-open], [data-close], [data-dismiss], [data-print]");
    $$("details.menu[open]").forEach((menu) => {
      const inside = menu.matches(".nav-toggle") ? menu.parentElement : menu;   // the phone's menu opens its neighbour
      if (!inside.contains(event.target)) menu.open = false;
    });
    if (!target) return;
    if (target.dataset.copy) copy(target);
    if ("print" in target.dataset) print();
    if (target.dataset.open) openDialog(document.getElementById(target.dataset.open));
    if ("close" in target.dataset) target.closest("dialog").close();
    if ("dismiss" in target.dataset) target.closest(".notice").remove();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = $$("details.menu[open]").pop();
    if (menu) { menu.open = false; $("summary", menu).focus(); event.stopImmediatePropagation(); }
  });
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-theme-form]") || !event.submitter) return;
    event.preventDefault();
    const theme = event.submitter.value;
    document.cookie = `theme=${theme}; path=/; samesite=lax; max-age=${theme ? 31536000 : 0}`;
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    $$("[name=theme]", event.target).forEach((choice) => choice.setAttribute("aria-pressed", String(choice === event.submitter)));
    window.bursarCharts?.recolour();
  });
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = $$("details.as-table:not([open])");
    opened.forEach((details) => (details.open = true));
  });
  addEventListener("afterprint", () => opened.forEach((details) => (details.open = false)));
  setInterval(() => $$("time[data-ago]").forEach(relative), 5000);

  window.bursar = { toast };
  enhance(document);
  $(".errors")?.focus();
})();
