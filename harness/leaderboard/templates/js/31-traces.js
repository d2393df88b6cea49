// What the selection, and the colours below them, make of a figure's traces.

const GROUP = /^[mf]\d+$/; // the groups of models and of families

/** The groups that stand out: selected models and their families; null where nothing is selected. */
function outstanding() {
  if (!selection.size) return null;
  const families = (data.models ?? []).filter(([, group]) => selection.has(group)).map(([, , family]) => family);
  return new Set([...selection, ...families]);
}

/** Traces with those of the selected models before all others, which grow faint; a heat map keeps its selected columns. */
function focused(traces) {
  const groups = outstanding();
  if (!groups) return traces;
  const other = (group) => GROUP.test(group ?? "") && !groups.has(group);
  const present = traces.flatMap((trace) => trace.meta?.groups ?? [trace.legendgroup]);
  if (!present.some((group) => groups.has(group))) return traces; // none of them is in this figure
  const kept = traces.filter((trace) => !other(trace.legendgroup));
  return [...traces.filter((trace) => other(trace.legendgroup)).map(faint), ...kept.map((trace) => keptColumns(trace, other))];
}

const faint = (trace) => ({
  ...trace,
  opacity: 0.12,
  hoverinfo: "skip",
  ...(trace.line && { line: { ...trace.line, width: 1 } }),
});

/** A heat map without the columns of other models. */
function keptColumns(trace, other) {
  if (!trace.meta?.groups) return trace;
  const places = [...trace.meta.groups.keys()].filter((place) => !other(trace.meta.groups[place]));
  const some = (row) => places.map((place) => row[place]);
  const made = { ...trace, meta: { ...trace.meta, groups: some(trace.meta.groups) } };
  if (Array.isArray(trace.x)) made.x = some(trace.x);
  for (const key of ["z", "text", "hovertext", "customdata"])
    if (Array.isArray(trace[key])) made[key] = trace[key].map((row) => (Array.isArray(row) ? some(row) : row));
  return made;
}

const CLEAR = [[0, "rgba(0,0,0,0)"], [1, "rgba(0,0,0,0)"]];

/** A heat map whose texts can be read on every cell: black or white, whichever stands out more. */
function inked(trace) {
  if (trace.type !== "heatmap" || !trace.texttemplate || !Array.isArray(trace.colorscale)) return [trace];
  const found = trace.z.flat().filter((value) => value !== null);
  const paper = getComputedStyle(root).getPropertyValue("--ink").trim();
  // Plotly draws no map of gaps alone, nor its axes: this one has values that nobody sees.
  if (!found.length)
    return [{ ...trace, z: trace.z.map((row) => row.map(() => 0)), colorscale: CLEAR, textfont: { ...trace.textfont, color: paper }, hoverinfo: "skip", hovertemplate: null }];
  const low = trace.zmin ?? Math.min(...found);
  const span = (trace.zmax ?? Math.max(...found)) - low || 1;
  const scale = trace.colorscale.map(([place, colour]) => [place, channels(colour)]);
  const white = trace.z.map((row) => row.map((value) => value !== null && whiteReads(mixed(scale, (value - low) / span))));
  const inInk = (wanted) => trace.text.map((row, y) => row.map((text, x) => (white[y][x] === wanted ? text : "")));
  const font = (color) => ({ ...trace.textfont, color });
  // A cell without a value shows the paper: its text is as dark as any text there.
  const bare = trace.z.map((row, y) => row.map((value, x) => (value === null ? trace.text[y][x] : "")));
  const black = inInk(false).map((row, y) => row.map((text, x) => (trace.z[y][x] === null ? "" : text)));
  const layer = (text, color) => ({
    ...trace,
    text,
    textfont: font(color),
    colorscale: CLEAR,
    showscale: false,
    hoverinfo: "skip",
    hovertemplate: null,
  });
  return [{ ...trace, text: black, hovertext: trace.text, textfont: font("#000000") }, layer(inInk(true), "#ffffff"), layer(bare, paper)];
}

const brush = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

/** Red, green and blue of a colour, each of 255. */
function channels(colour) {
  brush.fillStyle = colour;
  return [1, 3, 5].map((place) => Number.parseInt(brush.fillStyle.slice(place, place + 2), 16));
}

/** The colour at a place in [0, 1] of a scale, as Plotly mixes it. */
function mixed(scale, place) {
  const at = Math.min(Math.max(place, 0), 1);
  const next = Math.max(1, scale.findIndex(([end]) => end >= at));
  const [[from, one], [to, other]] = [scale[next - 1], scale[next]];
  const part = to > from ? (at - from) / (to - from) : 0;
  return one.map((value, which) => value + part * (other[which] - value));
}

/** Whether white stands out more than black on a colour, by the contrast of WCAG 2. */
function whiteReads(colour) {
  const parts = colour.map((value) => value / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  const luminance = 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  return 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05;
}
