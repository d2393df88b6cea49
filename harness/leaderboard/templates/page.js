"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // tables ----------------------------------------------------------------------------------------------------------

  const valueOf = (cell, numeric) => {
    const value = cell.dataset.value;
    return value === undefined || value === "" ? null : numeric ? Number(value) : value;
  };

  /** Sort a table's rows by one of its columns; missing values are last in both directions. */
  function sort(table, heading) {
    const headings = [...heading.parentElement.children];
    const column = headings.indexOf(heading);
    const numeric = heading.dataset.type === "number";
    const first = heading.dataset.better === "high" ? "descending" : "ascending";
    const other = first === "ascending" ? "descending" : "ascending";
    const order = heading.getAttribute("aria-sort") === first ? other : first;
    const sign = order === "ascending" ? 1 : -1;
    const rows = [...table.tBodies[0].rows].map((row) => ({ row, value: valueOf(row.cells[column], numeric) }));
    rows.sort((a, b) => {
      if (a.value === null || b.value === null) return (a.value === null) - (b.value === null);
      const compared = numeric ? a.value - b.value : a.value.localeCompare(b.value, "en", { numeric: true });
      return sign * compared;
    });
    table.tBodies[0].append(...rows.map(({ row }) => row));
    for (const one of headings) one.setAttribute("aria-sort", one === heading ? order : "none");
  }

  for (const table of all("table[data-sortable]"))
    for (const heading of all("th[aria-sort]", table))
      heading.querySelector("button").addEventListener("click", () => sort(table, heading));

  const kinds = all("#kinds input");
  function filter() {
    const wanted = new Set(kinds.filter((box) => box.checked).map((box) => box.value));
    const rows = [...document.getElementById("models").tBodies[0].rows];
    for (const row of rows) row.hidden = !wanted.has(row.dataset.kind);
    const shown = rows.filter((row) => !row.hidden).length;
    document.getElementById("shown").textContent = `${shown} of ${rows.length} rows`;
  }
  for (const box of kinds) box.addEventListener("change", filter);

  /** A field of a CSV file; a text that a spreadsheet would take for a formula is kept from being one. */
  function field(value) {
    if (value === null) return "";
    if (typeof value === "number") return String(value);
    const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }

  document.getElementById("download")?.addEventListener("click", () => {
    const lines = [data.table.columns, ...data.table.rows].map((row) => row.map(field).join(","));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([`${lines.join("\r\n")}\r\n`], { type: "text/csv;charset=utf-8" }));
    link.download = `${data.file}.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });

  // figures ---------------------------------------------------------------------------------------------------------

  const root = document.documentElement;
  const plots = new Map(
    all("[data-plot]").map((node) => [
      node.dataset.plot,
      { node, figure: data.figures[node.dataset.plot], view: 0, zoom: 0, hidden: new Set(), drawn: false },
    ]),
  );
  const plotsOf = (element) => element.dataset.figure.split(" ").map((name) => plots.get(name));

  /** The same value with every var(--name) replaced by what it is in the present theme. */
  function resolved(value, styles) {
    if (typeof value === "string") {
      const name = /^var\((--[\w-]+)\)$/.exec(value);
      return name ? styles.getPropertyValue(name[1]).trim() : value;
    }
    if (Array.isArray(value)) return value.map((part) => resolved(part, styles));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, resolved(part, styles)]));
  }

  const coarse = matchMedia("(pointer: coarse)").matches;
  const config = {
    responsive: true,
    typesetMath: false,
    modeBarButtons: [["toImage", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
  };

  function draw(plot) {
    const styles = getComputedStyle(root);
    const traces = resolved(plot.figure.views[plot.view].data, styles);
    for (const trace of traces) trace.visible = !plot.hidden.has(trace.legendgroup);
    const layout = resolved(plot.figure.layout, styles);
    layout.dragmode = coarse ? false : "zoom";
    const zoom = plot.figure.zooms[plot.zoom];
    if (zoom) layout.yaxis.range = [...zoom.range];
    layout.uirevision = String(plot.zoom);
    if (root.classList.contains("printing")) layout.width = plot.node.parentElement.className === "pair" ? 490 : 1000;
    if (!plot.drawn) plot.node.replaceChildren();
    const options = { ...config, toImageButtonOptions: { filename: `${data.file}-${plot.node.dataset.plot}`, scale: 2 } };
    Plotly.react(plot.node, traces, layout, options);
    for (const svg of all(".main-svg", plot.node)) svg.setAttribute("aria-hidden", "true");
    plot.drawn = true;
    plot.node.dataset.drawn = "true";
  }

  const redraw = () => [...plots.values()].filter((plot) => plot.drawn).forEach(draw);

  for (const button of all("button[data-group]")) {
    const apply = () => {
      const shown = button.getAttribute("aria-pressed") === "true";
      for (const plot of plotsOf(button)) plot.hidden[shown ? "delete" : "add"](button.dataset.group);
    };
    apply();
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
      apply();
      plotsOf(button).filter((plot) => plot.drawn).forEach(draw);
    });
  }
  for (const select of all("select[data-choose]")) {
    const apply = () => plotsOf(select).forEach((plot) => (plot[select.dataset.choose] = Number(select.value)));
    apply(); // a browser may restore what was chosen before
    select.addEventListener("change", () => {
      apply();
      plotsOf(select).filter((plot) => plot.drawn).forEach(draw);
    });
  }

  async function unpack() {
    const packed = atob(document.getElementById("library").textContent.trim());
    const bytes = Uint8Array.from(packed, (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
    Plotly.setPlotConfig({ showSendToCloud: false, plotlyServerURL: "", topojsonURL: "", displaylogo: false });
  }

  const pause = () => new Promise((next) => setTimeout(next));

  async function start() {
    try {
      await unpack();
      for (const plot of plots.values()) {
        draw(plot);
        await pause();
      }
    } catch {
      const words = "This browser could not draw the figure; the numbers behind it stand below.";
      for (const note of all(".wait")) note.textContent = words;
    }
  }

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  addEventListener("beforeprint", () => {
    root.classList.add("printing");
    redraw();
  });
  addEventListener("afterprint", () => {
    root.classList.remove("printing");
    redraw();
  });

  const idle = window.requestIdleCallback ?? setTimeout;
  if (plots.size) requestAnimationFrame(() => requestAnimationFrame(() => idle(start)));
})();
