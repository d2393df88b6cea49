// Texts of a heat map's cells, which are there only where the cells have room for them; the numbers stand in the table too.

const LETTER = 0.62; // the width of a digit, of the height of its letters

/** Hide the texts of cells that are narrower than the longest of them. */
function fitCells(plot) {
  const map = plot.node._fullData?.find((trace) => trace.type === "heatmap" && trace.texttemplate);
  const axis = plot.node._fullLayout?.xaxis;
  if (!map || !axis) return;
  const width = axis._length / Math.abs(axis.range[1] - axis.range[0]) - (map.xgap ?? 0);
  const texts = viewOf(plot).data.flatMap((trace) => trace.text?.flat() ?? []);
  const letters = Math.max(0, ...texts.map((text) => text.replace("&lt;", "<").length));
  plot.node.classList.toggle("narrow", width < letters * LETTER * map.textfont.size);
}

whenever("drawn", () => {
  for (const plot of plots.values()) {
    if (!plot.drawn || plot.fitted || !plot.figure.views.some((view) => view.data.some((trace) => trace.texttemplate))) continue;
    plot.fitted = true;
    plot.node.on("plotly_afterplot", () => fitCells(plot));
    fitCells(plot);
  }
});
