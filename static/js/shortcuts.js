// Single-key shortcuts (WCAG 2.1.4: they can be switched off, and are quiet inside fields).
// A page declares a key on the link or button itself: data-key="w".
(() => {
  "use strict";
  const STORE = "bursar.shortcuts";
  const enabled = () => localStorage.getItem(STORE) !== "off";
  const NAMES = { arrowleft: "\u2190", arrowright: "\u2192", escape: "Esc" };
  const box = document.getElementById("shortcuts-on"), dialog = document.getElementById("shortcuts");
  const controls = () => [...document.querySelectorAll("[data-key]")];

  /** Fills the dialog with the keys of the controls that are on the page now. */
  const list = () => dialog.querySelector("dl").replaceChildren(...controls().flatMap((control) => {
    const term = document.createElement("dt"), words = document.createElement("dd"), key = document.createElement("kbd");
    key.textContent = NAMES[control.dataset.key] || control.dataset.key.toUpperCase();
    term.append(key);
    words.textContent = (control.getAttribute("aria-label") || control.textContent).trim();
    return [term, words];
  }));

  box.checked = enabled();
  box.addEventListener("change", () => localStorage.setItem(STORE, box.checked ? "on" : "off"));

  document.addEventListener("click", (event) => event.target.closest("[data-open='shortcuts']") && list());

  /** Does what a control is for: opens a menu, moves into a field, or clicks. */
  const use = (target) => {
    if (target.matches("summary")) { target.parentElement.open = true; target.nextElementSibling.querySelector("input, a, button")?.focus(); }
    else if (target.matches("input")) {
      const menu = document.querySelector(".nav-toggle");   // on a phone the box is inside the menu
      if (menu && !target.checkVisibility()) menu.open = true;
      target.focus();
    }
    else target.click();
  };

  const typing = (element) => element.closest("input, select, textarea, [contenteditable]");
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
      const search = controls().find((element) => element.dataset.key === "/");
      if (!search || document.querySelector("dialog[open]")) return;
      event.preventDefault();
      return use(search);
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || !enabled()) return;
    if (event.key.startsWith("Arrow") && event.target.closest("[tabindex='0']")) return;   // scrolls a table
    if (event.key === "Escape" && event.target.matches("[type='search']")) return event.target.blur();
    if (typing(event.target) || document.querySelector("dialog[open]")) return;
    const name = event.key === "?" ? "?" : event.key.toLowerCase();
    const target = controls().find((element) => element.dataset.key === name);
    if (!target) return;
    event.preventDefault();
    use(target);
  });
})();
