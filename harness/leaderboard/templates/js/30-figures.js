// Figures: drawn when they come near, and drawn anew when a choice, the selection or the theme changes what they show.

const plots = new Map(
  all("[data-plot]").map((node) => {
    const name = node.dataset.plot;
    const chosen = all("select[data-chooser]:not([data-chooser=zoom])", node.closest("figure")).map(() => 0);
    const state = { zoom: 0, resets: 0, hidden: new Set(), near: false, stale: true, drawn: false };
    return [name, { node, name, chosen, ...state, get figure() { return figureData()[name]; } }];
  }),
);
const coarse = matchMedia("(pointer: coarse)").matches;
const CONFIG = { responsive: true, typesetMath: false, displayModeBar: false };
const PRINTED = 1000; // pixels across the printed page

/** The view that the choosers of a figure lead to. */
const viewOf = (plot) =>
  plot.figure.views[plot.chosen.reduce((place, option, which) => place * plot.figure.choosers[which] + option, 0)];

/** What Plotly is to draw: the chosen view, in the present colours, with what the key and the selection leave of it. */
function picture(plot) {
  const styles = getComputedStyle(root);
  const view = viewOf(plot);
  const shown = view.data.filter((trace) => !plot.hidden.has(trace.legendgroup));
  const traces = focused(resolved(shown, styles)).flatMap(inked);
  const layout = resolved(plot.figure.layout, styles);
  layout.separators = data.decimal + data.thousands;
  layout.dragmode = coarse ? false : "zoom";
  for (const axis of ["xaxis", "yaxis"]) if (view[axis]) Object.assign(layout[axis], resolved(view[axis], styles));
  const zoom = plot.figure.zooms[plot.zoom];
  if (zoom) layout.yaxis.range = [...zoom.range];
  // Plotly keeps what the reader zoomed to for as long as this stays the same.
  layout.uirevision = [...plot.chosen, plot.zoom, plot.resets].join();
  if (traces.some((trace) => trace.meta?.groups)) layout.uirevision += [...selection].join();
  return { traces, layout };
}

function draw(plot) {
  plot.stale = false;
  try {
    const { traces, layout } = picture(plot);
    if (root.classList.contains("printing")) layout.width = PRINTED;
    const { height } = viewOf(plot);
    if (height) {
      plot.node.style.height = `${height}px`; // a chapter of many codes is taller than one of few
      layout.height = height; // Plotly does not look at its place again by itself
    }
    if (!plot.drawn) plot.node.replaceChildren();
    Plotly.react(plot.node, traces, layout, CONFIG).catch((error) => failPlot(plot, error));
    if (!plot.drawn) beginPlot(plot);
  } catch (error) {
    failPlot(plot, error);
    return;
  }
  for (const svg of all(".main-svg", plot.node)) svg.setAttribute("aria-hidden", "true");
  plot.node.dataset.drawn = "true";
  changed("drawn");
}

/** After the first drawing: it is one picture to who cannot see it, and a click on it may lead to another view. */
function beginPlot(plot) {
  plot.drawn = true;
  plot.node.setAttribute("role", "img");
  plot.node.on("plotly_click", (event) => drill(plot, event.points[0]));
  const drills = plot.figure.views.some((view) => view.data.some((trace) => trace.meta?.drill));
  plot.node.classList.toggle("drills", drills);
}

/** Say in its place that a figure could not be drawn; the others go on. */
function failPlot(plot, error) {
  console.error(`figure ${plot.name}: ${error.name}`);
  unable(plot);
}

function unable(plot) {
  if (plot.drawn) Plotly.purge(plot.node);
  plot.drawn = false;
  delete plot.node.dataset.drawn;
  plot.node.setAttribute("role", "group");
  plot.node.replaceChildren(element("p", { class: "wait" }, word("undrawn")));
}

/** Draw a figure anew: now if it is near, else when it comes near. */
function refreshPlot(plot) {
  plot.stale = true;
  if (plot.near && window.Plotly) draw(plot);
}
const redraw = () => plots.forEach((plot) => refreshPlot(plot));

const chooserOf = (plot, which) =>
  document.querySelector(`select[data-figure="${CSS.escape(plot.name)}"][data-chooser="${which}"]`);

/** A click on a row of a heat map chooses what the row stands for, as its chooser does, and goes there. */
function drill(plot, point) {
  const [which, options] = point.data.meta?.drill ?? [];
  const option = options?.[point.pointNumber[0]] ?? null;
  if (option === null) return;
  const chooser = chooserOf(plot, which);
  chooser.value = String(option);
  chooser.dispatchEvent(new Event("change"));
  chooser.focus();
}

for (const button of all("button[data-group]")) {
  const plot = plots.get(button.dataset.figure);
  const apply = () => plot.hidden[button.getAttribute("aria-pressed") === "true" ? "delete" : "add"](button.dataset.group);
  apply();
  button.addEventListener("click", () => {
    button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
    apply();
    refreshPlot(plot);
    changed("view");
  });
}

/** Take over what a chooser says. */
function chooseView(chooser) {
  const plot = plots.get(chooser.dataset.figure);
  if (chooser.dataset.chooser === "zoom") plot.zoom = Number(chooser.value);
  else plot.chosen[Number(chooser.dataset.chooser)] = Number(chooser.value);
  refreshPlot(plot);
}
for (const chooser of all("select[data-chooser]")) {
  chooseView(chooser); // a browser may restore what was chosen before
  chooser.addEventListener("change", () => {
    chooseView(chooser);
    changed("view");
  });
}

for (const button of all("button[data-reset]"))
  button.addEventListener("click", () => {
    const plot = plots.get(button.dataset.reset);
    plot.resets += 1;
    refreshPlot(plot);
  });

whenever("selection", redraw);
whenever("theme", redraw);
