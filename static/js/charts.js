// Draws canvas[data-chart], stacked bars, or lines if `lines`, from {labels, partial: index of the running piece or null,
// unit: usd, count, tokens, share (of 1) or ms, lines,
// series: [{name, slot: 0-6, values}], previous: {name, values, titles} or null, marks: [index of a piece],
// levels: [{name, value}]}.
// Full titles are the row names of the table with data-for; colours are the CSS tokens.
(() => {
  "use strict";
  const drawn = new Map();   // canvas -> Chart
  const probe = document.createElement("i");

  /** A token's colour as the browser resolves it in the current theme. */
  const colour = (token) => {
    probe.hidden = true;
    if (!probe.isConnected) document.body.append(probe);
    probe.style.color = `var(--${token})`;
    return getComputedStyle(probe).color;
  };

  const hatch = (base) => {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 8;
    const pen = tile.getContext("2d");
    pen.fillStyle = colour("card");
    pen.fillRect(0, 0, 8, 8);
    pen.strokeStyle = base;
    pen.lineWidth = 3;
    for (const x of [-8, 0, 8]) { pen.beginPath(); pen.moveTo(x - 1, 9); pen.lineTo(x + 9, -1); pen.stroke(); }
    return pen.createPattern(tile, "repeat");
  };

  const plain = (value) => value.toLocaleString("en-US", { maximumSignificantDigits: 4, notation: value >= 1e5 ? "compact" : "standard" });
  const duration = (ms) => (ms < 1000 ? `${Math.round(ms)} ms` : ms < 60000 ? `${plain(ms / 1000)} s` : `${plain(ms / 60000)} min`);
  const WORDS = {
    usd: (value) => (value && value < 0.000001 ? "<$0.000001" : `$${plain(value)}`),
    share: (value) => `${Math.round(value * 1000) / 10}%`, ms: duration, count: plain, tokens: plain,
  };
  const WHOLE = { ms: 1, count: 1, tokens: 1 };
  const written = (value, unit) => (WORDS[unit] || WORDS.usd)(value);

  /** A value in full, as tables write it: what one reads where one points. */
  const exactly = (value, unit) => {
    if (unit === "count" || unit === "tokens") return Math.round(value).toLocaleString("en-US");
    if ((unit || "usd") !== "usd" || !value || Math.abs(value) < 0.000001) return written(value, unit);
    const digits = Math.abs(value) >= 1 ? { minimumFractionDigits: 2, maximumFractionDigits: 2 }
      : Math.abs(value) >= 0.01 ? { minimumFractionDigits: 4, maximumFractionDigits: 4 } : { maximumSignificantDigits: 2 };
    return `${value < 0 ? "\u2212" : ""}$${Math.abs(value).toLocaleString("en-US", digits)}`;
  };

  /** Axis labels with one precision, "$0.50" beside "$1.00", and one unit of time, "60 s" beside "80 s". */
  const tick = (unit) => (value, index, all) => {
    if (unit === "ms" && all.at(-1).value >= 1000) {
      const minutes = (all[1].value - all[0].value) % 60000 === 0;
      return minutes ? `${plain(value / 60000)} min` : `${plain(value / 1000)} s`;
    }
    if ((unit || "usd") !== "usd" || !value || value >= 1e5) return written(value, unit);
    const step = all[1].value - all[0].value;
    const digits = step >= 1 ? 0 : Math.max(2, Math.ceil(-Math.log10(step) - 1e-9));
    return `$${value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })}`;
  };

  const bars = (data) => data.series.map((series) => {
    const base = colour(`series-${series.slot}`);
    const partial = data.partial === null ? base : hatch(base);
    const fills = series.values.map((_, index) => (index === data.partial ? partial : base));
    return {
      label: series.name, data: series.values, stack: "now", order: 1, backgroundColor: fills,
      borderColor: colour("card"), borderWidth: { top: 1, right: 0, bottom: 0, left: 0 }, borderSkipped: false,
      hoverBackgroundColor: fills, maxBarThickness: 64, categoryPercentage: 0.84, barPercentage: 0.94,
    };
  });
  const lines = (data) => data.series.map((series) => ({
    type: "line", label: series.name, data: series.values, stack: `line ${series.name}`, order: 1,
    borderColor: colour(`series-${series.slot}`), backgroundColor: colour(`series-${series.slot}`),
    borderWidth: 2, pointRadius: series.values.length > 40 ? 0 : 2, pointHitRadius: 8, tension: 0, spanGaps: true,
    segment: { borderDash: (part) => (part.p1DataIndex === data.partial ? [3, 3] : undefined) },
  }));
  const before = (data) => data.previous ? [{
    type: "line", label: data.previous.name, data: data.previous.values, order: -1, stack: "before",
    borderColor: colour("ink"), borderWidth: 1.5, borderDash: [4, 4], pointRadius: 0, pointHitRadius: 8, tension: 0,
  }] : [];

  const tooltip = (data, titles) => ({
    mode: "index", intersect: false, backgroundColor: colour("ink"), titleColor: colour("bg"), bodyColor: colour("bg"), footerColor: colour("bg"),
    padding: 10, cornerRadius: 4, boxPadding: 4, usePointStyle: false, itemSort: (a, b) => b.raw - a.raw,
    filter: (item) => item.raw > 0 || (data.lines && item.raw === 0),
    callbacks: {
      title: ([item]) => (item ? titles[item.dataIndex] || item.label : ""),
      label: (item) => {
        const was = item.dataset.stack === "before" && data.previous.titles?.[item.dataIndex];
        return ` ${item.dataset.label}${was ? ` (${was})` : ""}: ${exactly(item.raw, data.unit)}`;
      },
      footer: (items) => {
        const now = items.filter((item) => item.dataset.stack === "now");
        return now.length > 1 ? `Total ${exactly(now.reduce((sum, item) => sum + item.raw, 0), data.unit)}` : "";
      },
    },
  });

  /** Dotted lines where something changed, from the top to the axis. */
  const marks = (data) => ({
    id: "marks",
    afterDatasetsDraw: ({ ctx: pen, chartArea: { top, bottom }, scales: { x } }) => {
      pen.save();
      pen.strokeStyle = pen.fillStyle = colour("warn");
      pen.lineWidth = 1.5;
      pen.setLineDash([2, 3]);
      for (const index of data.marks || []) {
        const place = x.getPixelForValue(index);
        pen.beginPath(); pen.moveTo(place, top); pen.lineTo(place, bottom); pen.stroke();
        pen.beginPath(); pen.moveTo(place - 4, top); pen.lineTo(place + 4, top); pen.lineTo(place, top + 6); pen.fill();
      }
      pen.restore();
    },
  });

  /** Thin lines at amounts, each with its name above its left end. */
  const levels = (data) => ({
    id: "levels",
    afterDatasetsDraw: ({ ctx: pen, chartArea: { left, right, top, bottom }, scales: { y } }) => {
      pen.save();
      pen.font = `11px ${getComputedStyle(document.body).fontFamily}`;
      pen.strokeStyle = colour("warn");
      pen.fillStyle = colour("ink");
      pen.setLineDash([2, 3]);
      for (const { name, value } of data.levels || []) {
        const place = y.getPixelForValue(value);
        if (place < top || place > bottom) continue;
        pen.beginPath(); pen.moveTo(left, place); pen.lineTo(right, place); pen.stroke();
        pen.fillText(name, left + 4, place - 4, right - left - 8);
      }
      pen.restore();
    },
  });

  const options = (data, titles) => {
    const font = { family: getComputedStyle(document.body).fontFamily, size: 12 };
    const ticks = { color: colour("muted"), font };
    return {
      responsive: true, maintainAspectRatio: false, locale: "en-US", interaction: { mode: "index", intersect: false },
      // A chart is a state to be read at once, also after each click on a filter.
      animation: false,
      plugins: { legend: { display: false }, tooltip: { ...tooltip(data, titles), titleFont: { ...font, weight: 600 }, bodyFont: font, footerFont: { ...font, weight: 600 } } },
      scales: {
        x: { stacked: !data.lines, offset: true, grid: { display: false }, border: { color: colour("edge") }, ticks: { ...ticks, maxRotation: 0, autoSkipPadding: 12 } },
        // Calls, tokens and milliseconds are whole: of small numbers no label would be there twice.
        // Shares that are stacked are all there is: the axis ends with them, however their sum is rounded.
        y: { stacked: !data.lines, beginAtZero: true, suggestedMax: Math.max(0, ...(data.levels || []).map((one) => one.value * 1.04)) || undefined, max: data.unit === "share" && !data.lines ? 1 : undefined, border: { display: false }, grid: { color: colour("line") }, ticks: { ...ticks, maxTicksLimit: 5, precision: data.unit in WHOLE ? 0 : undefined, callback: tick(data.unit) } },
      },
    };
  };

  const legend = (canvas, chart) => {
    for (const item of document.querySelectorAll(`[data-legend="${canvas.id}"] [data-series]`)) {
      const press = document.createElement("button");
      press.type = "button";
      press.setAttribute("aria-pressed", "true");
      press.append(...item.childNodes);
      press.addEventListener("click", () => {
        const index = Number(item.dataset.series);
        const show = !chart.isDatasetVisible(index);
        chart.setDatasetVisibility(index, show);
        press.setAttribute("aria-pressed", String(show));
        chart.update();
      });
      item.append(press);
    }
  };

  const build = (canvas) => {
    const data = JSON.parse(canvas.dataset.chart);
    const datasets = [...(data.lines ? lines : bars)(data), ...before(data)];
    const titles = [...document.querySelectorAll(`[data-for="${canvas.id}"] tbody th`)].map((cell) => cell.textContent);
    const chart = new Chart(canvas, { type: "bar", data: { labels: data.labels, datasets }, options: options(data, titles), plugins: [marks(data), levels(data)] });
    drawn.set(canvas, chart);
    return chart;
  };

  const each = (root, act) => {
    if (root.matches?.("canvas[data-chart]")) act(root);
    root.querySelectorAll?.("canvas[data-chart]").forEach(act);
  };
  const draw = (root) => each(root, (canvas) => drawn.has(canvas) || legend(canvas, build(canvas)));
  const destroy = (root) => each(root, (canvas) => { drawn.get(canvas)?.destroy(); drawn.delete(canvas); });
  const recolour = () => drawn.forEach((chart, canvas) => {
    const hidden = chart.data.datasets.map((_, index) => !chart.isDatasetVisible(index));
    chart.destroy();
    const again = build(canvas);
    hidden.forEach((is, index) => is && again.setDatasetVisibility(index, false));
    again.update("none");
  });

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
  matchMedia("print").addEventListener("change", recolour);
  document.fonts?.ready.then(() => drawn.forEach((chart) => chart.update("none")));
  window.bursarCharts = { draw, destroy, recolour, count: () => drawn.size };
})();
