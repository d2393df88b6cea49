// Figures as images that can stand alone in a report: on white paper, with title, choices, key, caption and source.

const SHEET = { width: 960, edge: 24, line: 18, font: "system-ui, sans-serif" };

/** An element of an SVG image. */
function svgElement(tag, attributes = {}, ...parts) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(name, value);
  made.append(...parts);
  return made;
}

/** The width of a text in pixels. */
function widthOf(text, size, weight = "normal") {
  brush.font = `${weight} ${size}px ${SHEET.font}`;
  return brush.measureText(text).width;
}

/** A text in lines that are no wider than the sheet. */
function wrapped(text, size, weight) {
  const lines = [];
  let line = "";
  for (const part of text.trim().split(/[ \n]+/)) {
    const longer = line ? `${line} ${part}` : part;
    if (line && widthOf(longer, size, weight) > SHEET.width - 2 * SHEET.edge) {
      lines.push(line);
      line = part;
    } else line = longer;
  }
  return [...lines, line].filter(Boolean);
}

/** Lines of text on the sheet, and how high they are. */
function textLines(text, top, size, colour, weight = "normal") {
  const lines = wrapped(text, size, weight);
  const step = Math.round(1.4 * size);
  const style = { x: SHEET.edge, fill: colour, "font-size": size, "font-weight": weight };
  const nodes = lines.map((line, place) => svgElement("text", { ...style, y: top + size + place * step }, line));
  return { nodes, height: lines.length * step };
}

/** The key of a figure: the marks of what it shows, with their names, in as many rows as they need. */
function keyOf(plot, top, ink) {
  const groups = new Set(viewOf(plot).data.map((trace) => trace.legendgroup));
  const nodes = [];
  let [x, y] = [SHEET.edge, top];
  for (const button of all("button[data-group]", plot.node.closest("figure"))) {
    if (plot.hidden.has(button.dataset.group) || !groups.has(button.dataset.group)) continue;
    const text = [...button.querySelectorAll("span")].map((part) => part.textContent).join(" · ");
    const width = 44 + widthOf(text, 13) + 20;
    if (x > SHEET.edge && x + width > SHEET.width - SHEET.edge) [x, y] = [SHEET.edge, y + SHEET.line + 4];
    nodes.push(swatchAt(button.querySelector(".swatch"), x, y + 3));
    nodes.push(svgElement("text", { x: x + 44, y: y + 13, fill: ink, "font-size": 13 }, text));
    x += width;
  }
  return { nodes, height: nodes.length ? y - top + SHEET.line + 6 : 0 };
}

/** A mark of the page's key in its colour on paper. */
function swatchAt(swatch, x, y) {
  const colour = getComputedStyle(swatch).color;
  const paths = [...swatch.querySelectorAll("path")].map((path) => {
    const line = path.classList.contains("dash");
    return svgElement("path", {
      d: path.getAttribute("d"),
      "stroke-dasharray": path.getAttribute("stroke-dasharray"),
      "stroke-width": 2,
      stroke: line ? colour : "none",
      fill: line ? "none" : colour,
    });
  });
  const box = ["viewBox", "width", "height"].map((name) => [name, swatch.getAttribute(name)]);
  return svgElement("svg", { ...Object.fromEntries(box), x, y }, ...paths);
}

/** What the choosers of a figure say. */
const choicesOf = (figure) =>
  all("select[data-chooser]", figure)
    .map((one) => word("choice", { label: one.labels[0].firstChild.textContent.trim(), option: one.selectedOptions[0].text }))
    .join(" · ");

/** What Plotly draws of a figure, as the reader has zoomed it. */
async function plotted(plot, height) {
  const { traces, layout } = inLight(() => picture(plot));
  for (const axis of ["xaxis", "yaxis"]) {
    const now = plot.stale ? null : plot.node.layout?.[axis];
    if (now?.autorange === false && now.range) layout[axis].range = [...now.range];
  }
  const size = { width: SHEET.width - SHEET.edge, height };
  const svg = await Plotly.toImage({ data: traces, layout: { ...layout, ...size }, config: CONFIG }, { format: "svg", imageDataOnly: true, ...size });
  return document.importNode(new DOMParser().parseFromString(svg, "image/svg+xml").documentElement, true);
}

/** A figure as one SVG image, and its size. */
async function sheetOf(plot) {
  const figure = plot.node.closest("figure");
  const height = viewOf(plot).height ?? (plot.node.clientHeight || 430);
  const drawing = await plotted(plot, height);
  return inLight(() => {
    const [ink, quiet, paper] = resolved(["var(--ink)", "var(--quiet)", "var(--surface)"]);
    const nodes = [];
    let y = SHEET.edge;
    const add = (part, space) => {
      nodes.push(...part.nodes);
      y += part.height && part.height + space;
    };
    add(textLines(figure.querySelector("h3").textContent, y, 19, ink, "bold"), 2);
    add(textLines(choicesOf(figure), y, 13, quiet), 4);
    add(keyOf(plot, y + 2, ink), 2);
    drawing.setAttribute("x", SHEET.edge / 2);
    drawing.setAttribute("y", y);
    nodes.push(drawing);
    y += height + 10;
    add(textLines(figure.querySelector("figcaption").textContent, y, 12, quiet), 4);
    add(textLines(document.title, y, 12, quiet), SHEET.edge - 6);
    const size = { width: SHEET.width, height: y };
    const back = svgElement("rect", { ...size, fill: paper });
    const view = { viewBox: `0 0 ${size.width} ${size.height}`, "font-family": SHEET.font };
    return { ...size, svg: new XMLSerializer().serializeToString(svgElement("svg", { ...size, ...view }, back, ...nodes)) };
  });
}

/** The same image in pixels, twice as many as it is wide. */
async function pixels({ svg, width, height }) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await image.decode();
  const canvas = element("canvas", { width: 2 * width, height: 2 * height });
  canvas.getContext("2d").drawImage(image, 0, 0, 2 * width, 2 * height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

async function saveImage(plot, format) {
  await plotly();
  const sheet = await sheetOf(plot);
  const name = `${data.file}-${plot.name}.${format}`;
  if (format === "svg") save(name, "image/svg+xml", sheet.svg);
  else save(name, "image/png", await pixels(sheet));
}

for (const button of all("button[data-image]"))
  button.addEventListener("click", () => {
    const said = button.closest("figure").querySelector(".said");
    said.textContent = "";
    saveImage(plots.get(button.dataset.figure), button.dataset.image).catch((error) => {
      console.error(`image of ${button.dataset.figure}: ${error.name}`);
      said.textContent = word("unsaved");
    });
  });
