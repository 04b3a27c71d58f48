// While a price is typed per million tokens: what it is per thousand, and what a typical call costs.
(() => {
  "use strict";
  const form = document.querySelector("form[data-prices]");
  if (!form) return;
  const fields = [...form.querySelectorAll("input[data-rate]")];
  const read = (name) => {
    const text = form.elements[name]?.value.replace(/[$,\s]/g, "") ?? "";
    return text !== "" && Number.isFinite(Number(text)) ? Number(text) : null;
  };
  const dollars = (number) => `$${number.toLocaleString("en-US", { maximumSignificantDigits: 6, maximumFractionDigits: 12 })}`;
  const echoes = new Map();
  for (const field of fields.filter((one) => one.name.includes("_tokens"))) {
    const echo = document.createElement("span");
    echo.className = "hint";
    field.after(echo);
    echoes.set(field, echo);
  }
  const typical = form.querySelector("[data-typical]");
  const update = () => {
    for (const [field, echo] of echoes) {
      const rate = read(field.name);
      echo.textContent = rate === null ? "" : `${dollars(rate / 1000)} per 1k`;
    }
    const input = read("input_tokens"), output = read("output_tokens");
    typical.textContent = input === null || output === null ? "" : `1,200 in + 300 out = ${dollars((1200 * input + 300 * output) / 1e6)}`;
  };
  form.addEventListener("input", update);
  update();
})();
