// Forms lose nothing: neither to a session that has ended, nor to a sign-in in another tab, nor to a second click.
(() => {
  "use strict";
  const KEPT = "bursar.typed", PATIENCE_MS = 10000;
  const posted = (form) => form.method === "post" && !form.querySelector("[type=password]");
  const typed = (form) => [...form.elements].filter((field) => field.name && !["hidden", "file", "submit"].includes(field.type));
  const isChoice = (field) => field.type === "checkbox" || field.type === "radio";

  /** Signing in elsewhere changes the token: the cookie has the one that counts. */
  const token = () => document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1];
  document.addEventListener("htmx:configRequest", ({ detail }) => {
    if (token()) detail.headers["X-CSRFToken"] = token();
  });

  const keep = (form) => {
    const values = typed(form).map((field) => [field.name, isChoice(field) ? field.checked
      : field.multiple ? [...field.selectedOptions].map((option) => option.value) : field.value]);
    sessionStorage.setItem(KEPT, JSON.stringify({ page: location.pathname, action: form.action, values }));
  };

  const fill = (field, value) => {
    if (isChoice(field)) field.checked = value;
    else if (field.multiple) [...field.options].forEach((option) => (option.selected = value.includes(option.value)));
    else field.value = value;
    const folded = field.closest("details:not([open])");
    if (folded && value && value !== field.defaultValue && field.tagName !== "SELECT") folded.open = true;
  };

  /** What was typed into a form that led to signing in is there again afterwards; it is forgotten at any other page. */
  const restore = () => {
    if (document.querySelector("[name=next]") && location.pathname === "/login") return;
    const kept = JSON.parse(sessionStorage.getItem(KEPT) || "null");
    sessionStorage.removeItem(KEPT);
    const cameFromLogin = document.referrer && new URL(document.referrer).pathname === "/login";
    if (!kept || kept.page !== location.pathname) return;
    const form = [...document.forms].find((one) => posted(one) && one.action === kept.action);
    const isUnread = form && "unread" in form.dataset;   // the server could not read it, and says so
    if (!form || !(cameFromLogin || isUnread)) return;
    const left = [...kept.values];
    for (const field of typed(form)) {
      const place = left.findIndex(([name]) => name === field.name);
      if (place >= 0) fill(field, left.splice(place, 1)[0][1]);
    }
    if (isUnread) return;
    form.dispatchEvent(new Event("change", { bubbles: true }));
    bursar.toast({ level: "warn", stays: true, text: "You were signed out before this was sent. What you had typed is here again; nothing was saved." });
  };

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post") return;
    if (form.elements.csrfmiddlewaretoken && token()) form.elements.csrfmiddlewaretoken.value = token();
    if (event.submitter?.name === "format") return;   // a file comes, and the page stays
    if ("sent" in form.dataset) return event.preventDefault();   // a second click
    form.dataset.sent = "";
    setTimeout(() => delete form.dataset.sent, PATIENCE_MS);
    if (posted(form)) keep(form);
  });
  addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent));
  restore();
})();
