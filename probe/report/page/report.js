// Draws the graphs of `probe report` from the figures in the page; without it the tables say the
// same.  Nothing is loaded, and names go into the page as text alone.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const dashes = [[], [8, 4], [2, 3], [12, 4, 2, 4], [5, 2], [16, 5]];
  const coarse = matchMedia("(pointer: coarse)");
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();

  // The legend is the page's own; dygraphs' writes styles that the page's policy forbids.
  Dygraph.PLUGINS = Dygraph.PLUGINS.filter((one) => one.prototype.toString() !== "Legend Plugin");

  // A mark at about every tenth of the line, of another form for each carrier.
  const marks = [
    (c, x, y, r) => c.arc(x, y, r, 0, 7),
    (c, x, y, r) => c.rect(x - r, y - r, 2 * r, 2 * r),
    (c, x, y, r) => { c.moveTo(x, y - r - 1); c.lineTo(x + r + 1, y + r); c.lineTo(x - r - 1, y + r); },
    (c, x, y, r) => { c.moveTo(x, y - r - 2); c.lineTo(x + r + 2, y); c.lineTo(x, y + r + 2); c.lineTo(x - r - 2, y); },
  ];
  const mark = (form, every) => (g, name, c, x, y, stroke, size, index) => {
    if (index % every !== form * 3 % every) return;
    c.beginPath();
    marks[form % marks.length](c, x, y, 3.5);
    c.closePath();
    c.fillStyle = stroke;
    c.fill();
  };

  const time = (ms) => new Date(ms).toISOString().slice(0, 19).replace("T", " ") + " UTC";
  const number = (value) => value === null || Number.isNaN(value) ? "none" : Number(value.toPrecision(4)).toString();

  const graphs = [];
  // rows: [time, one value or [low, middle, high] a series]; series: {name, place, unit}
  const draw = (element, rows, series, options) => {
    if (rows.length === 0) return;
    const readout = document.createElement("div");
    readout.className = "readout";
    element.after(readout);
    const shown = (point) => {
      const of = series[Number(point.name)];
      return of.name + " " + number(point.yval) + " " + of.unit;
    };
    const every = Math.max(1, Math.ceil(rows.length / 12));
    const look = () => {
      const each = {};
      series.forEach((of, i) => {
        each[i] = {
          color: colour(of.colour), strokePattern: dashes[of.place % dashes.length], strokeWidth: of.thin ? 1 : 1.8,
          fillGraph: Boolean(of.fill), drawPoints: Boolean(of.marked),
          drawPointCallback: mark(of.place, every), pointSize: 3,
        };
      });
      return {
        series: each, axisLineColor: colour("rule"), gridLineColor: colour("rule"),
        colors: series.map((of) => colour(of.colour)),
      };
    };
    const graph = new Dygraph(element, rows.map(([t, ...values]) => [new Date(t), ...values]), {
      labels: ["time", ...series.map((of, i) => String(i))],
      labelsUTC: true, legend: "never", connectSeparatedPoints: false, drawGapEdgePoints: true,
      xRangePad: 4, gridLineWidth: 0.5, fillAlpha: 0.16, highlightCircleSize: 4, animatedZooms: false,
      axes: { y: { axisLabelWidth: 46 }, x: { axisLabelWidth: 62 } },
      interactionModel: coarse.matches ? {} : Dygraph.defaultInteractionModel,
      highlightCallback: (event, x, points) => { readout.textContent = time(x) + ": " + points.map(shown).join("; "); },
      unhighlightCallback: () => { readout.textContent = ""; },
      ...options, ...look(),
    });
    graphs.push({ graph, look });
  };

  const path = (at) => data.runs[at[0]].paths[at[1]];
  const top = (values) => values.reduce((most, value) => Math.max(most, value || 0), 0);
  const lossRange = (most) => ({ stepPlot: true, valueRange: [0, Math.min(102, Math.max(most * 1.15, 1))] });
  // Where the worst is far above the middle, both are seen on a logarithmic scale alone.
  const delayRange = (low, high) => {
    const spread = high > 8 * Math.max(low, 1e-3);
    return spread ? { logscale: true, valueRange: [Math.max(low * 0.8, 1e-3), high * 1.3] }
                  : { valueRange: [0, high * 1.1 || 1] };
  };
  const least = (values) => values.reduce((low, value) => value === null ? low : Math.min(low, value), Infinity);

  const lossOf = (element, at) => {
    const p = path(at);
    draw(element, p.t.map((t, i) => [t, p.worst[i], p.loss[i]]), [
      { name: "worst second", unit: "%", place: 2, colour: "s1", thin: true },
      { name: "loss", unit: "%", place: 0, colour: "s0", fill: true },
    ], lossRange(Math.max(top(p.worst), top(p.loss))));
  };

  const delayOf = (element, at) => {
    const p = path(at);
    const bar = (low, middle, high) => middle === null ? [null, null, null] : [low, middle, high];
    draw(element, p.t.map((t, i) => [t, bar(p.min[i], p.p50[i], p.max[i]), bar(p.p95[i], p.p95[i], p.p95[i])]), [
      { name: "median", unit: "ms", place: 0, colour: "s0" },
      { name: "95th percentile", unit: "ms", place: 1, colour: "s1", thin: true },
    ], { customBars: true, ...delayRange(least(p.min), top(p.max)) });
  };

  // One line a carrier; their times are the same where their buckets are.
  const together = (element, ats, key, unit, range) => {
    const rows = new Map();
    ats.forEach((at, column) => {
      const p = path(at);
      p.t.forEach((t, i) => {
        if (!rows.has(t)) rows.set(t, [t, ...ats.map(() => null)]);
        rows.get(t)[column + 1] = p[key][i] === null ? NaN : p[key][i];
      });
    });
    const values = ats.flatMap((at) => path(at)[key]);
    draw(element, [...rows.values()].sort((a, b) => a[0] - b[0]), ats.map((at) => (
      { name: data.runs[at[0]].label, unit, place: at[0], colour: "s" + at[0] % 6, marked: true }
    )), { connectSeparatedPoints: true, ...range(values) });
  };

  for (const element of document.querySelectorAll(".graph")) {
    const at = JSON.parse(element.dataset.at);
    const kind = element.dataset.kind;
    if (kind === "loss") lossOf(element, at);
    if (kind === "delay") delayOf(element, at);
    if (kind === "losses") together(element, at, "loss", "%", (values) => lossRange(top(values)));
    if (kind === "delays") together(element, at, "p50", "ms", (values) => delayRange(least(values), top(values)));
  }

  const redraw = () => graphs.forEach(({ graph, look }) => graph.updateOptions(look()));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  // Paper has nothing that can be opened.  The graphs stay as they are, report.css makes them fit.
  const eachDetails = (act) => document.querySelectorAll("details").forEach(act);
  addEventListener("beforeprint", () => eachDetails((one) => { one.dataset.was = one.open; one.open = true; }));
  addEventListener("afterprint", () => eachDetails((one) => { one.open = one.dataset.was === "true"; }));
})();
