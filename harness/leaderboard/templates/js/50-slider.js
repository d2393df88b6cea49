// The threshold slider: what each threshold would have made automatic, from counts that lie in the page.

const STATE_SIGNS = { kept: "✓", undecided: "≈", broken: "✕", unaudited: "?" };

/** Counts from the steps between them. */
function runningSums(steps) {
  const found = new Int32Array(steps.length);
  steps.reduce((sum, step, place) => (found[place] = sum + step), 0);
  return found;
}

/** Counts of several years, all together. */
function yearsTogether(years) {
  const add = (key) => years[0][key].map((_, place) => years.reduce((sum, year) => sum + year[key][place], 0));
  return { n: years.reduce((sum, year) => sum + year.n, 0), accepted: add("accepted"), wrong: add("wrong") };
}

/** The rows of one model's table: all years together where there are several, then each; null where it has no counts. */
function sliderRows(model) {
  const years = model.years.map((year) => year && { n: year.n, accepted: runningSums(year.accepted), wrong: runningSums(year.wrong) });
  return years.length > 1 ? [yearsTogether(years.filter(Boolean)), ...years] : years;
}

/** The last place in rising counts that holds at most so much. */
function lastAtMost(counts, most) {
  let [low, high] = [0, counts.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (counts[middle] <= most) low = middle;
    else high = middle - 1;
  }
  return low;
}

const sliderData = packedPart("slider");
const slider = sliderData && {
  ...sliderData,
  rows: sliderData.models.map(sliderRows),
  model: 0,
  stop: 0,
  select: document.getElementById("slider-model"),
  range: document.getElementById("slider-stop"),
  back: document.getElementById("slider-back"),
  state: document.getElementById("slider-state"),
  cells: all("#slider-results tbody tr").map((row) =>
    Object.fromEntries(all("td", row).map((cell) => [cell.dataset.result, cell])),
  ),
};

/** What a threshold does to the certificates of one row; null where the model has no counts of them. */
function outcomeOf(counts, stop) {
  if (!counts) return null;
  const accepted = counts.accepted[stop];
  const found = { accepted, coverage: accepted / counts.n, risk: null, low: null, high: null, people: counts.n - accepted };
  if (!accepted) return found;
  const [low, high] = exactInterval(counts.wrong[stop], accepted);
  return { ...found, risk: counts.wrong[stop] / accepted, low, high };
}

/** The rule of harness.decision.audit.verdict_of. */
const verdictOf = ({ low, high }, risk) =>
  low === null ? "unaudited" : high <= risk ? "kept" : low > risk ? "broken" : "undecided";

const PLACES = { kept: "slider_below", broken: "slider_above", undecided: "slider_open", unaudited: "slider_nothing" };

/** The verdict where a promise is made; at any other threshold only where the interval lies, without a verdict's colours. */
function stateOf(found, judged) {
  const state = verdictOf(found, slider.risk);
  if (judged) return element("span", { class: `chip ${state}` }, `${STATE_SIGNS[state]} ${word(state)}`);
  return element("span", {}, word(PLACES[state], { risk: slider.level }));
}

const intervalOf = ({ low, high }) =>
  low === null ? "" : `[${write("risk", low).replace(`${NBSP}%`, "")}${root.lang === "fr" ? "\u202f; " : ", "}${write("risk", high)}]`;

function fillOutcome(cells, found, judged) {
  if (!found) {
    for (const cell of Object.values(cells)) cell.textContent = DASH;
    return;
  }
  cells.coverage.textContent = write("share", found.coverage);
  cells.risk.replaceChildren(write("risk", found.risk), " ", element("span", { class: "quiet" }, intervalOf(found)));
  cells.people.textContent = write("count", found.people);
  if (cells.hours) cells.hours.textContent = fixed((found.accepted * slider.minutes) / 60, 1);
  if (cells.state) cells.state.replaceChildren(stateOf(found, judged));
}

/** What a screen reader says of the slider's place. */
function spokenValue(found, certified) {
  if (!found.accepted) return word("slider_nothing");
  const values = { coverage: write("share", found.coverage), risk: write("risk", found.risk) };
  return word(certified ? "slider_value_promised" : "slider_value", values);
}

/** Show the stop that the slider stands at. */
function showStop() {
  const { name, certified, promised: made, thresholds } = slider.models[slider.model];
  const outcomes = slider.rows[slider.model].map((counts) => outcomeOf(counts, slider.stop));
  const whole = outcomes.find(Boolean);
  const marked = slider.stop === certified;
  const promised = marked && made;
  const threshold = thresholds[slider.stop];
  const key = threshold === null ? "slider_nobody" : promised ? "slider_promised" : marked ? "slider_marked" : "slider_moved";
  slider.state.textContent = word(key, { model: name, threshold: threshold === null ? "" : write("number", threshold) });
  slider.range.setAttribute("aria-valuetext", spokenValue(whole, promised));
  slider.back.disabled = certified === null || marked;
  slider.cells.forEach((cells, place) => fillOutcome(cells, outcomes[place], promised && slider.audited));
  slider.outcomes = outcomes;
  placeThreshold();
}

/** Go to a stop of a model; without one to its certified stop, or to where nothing is automatic. */
function goToStop(model, stop = slider.models[model].certified ?? 0) {
  Object.assign(slider, { model, stop });
  slider.select.value = String(model);
  slider.range.max = String(slider.models[model].thresholds.length - 1);
  slider.range.value = String(stop);
  showStop();
}

const threshold = slider && {
  line: svgElement("line"),
  point: svgElement("circle", { r: 5 }),
};
const thresholdMark = slider && svgElement("g", { class: "threshold" }, threshold.line, threshold.point);

/** Move the line in the figure to the coverage of the certificates that it shows; Plotly draws nothing anew. */
function placeThreshold() {
  const plot = plots.get("curves");
  const axes = plot?.drawn && plot.node._fullLayout;
  if (!axes) return;
  if (!thresholdMark.isConnected) {
    all(".main-svg", plot.node).at(-1).append(thresholdMark);
    plot.node.on("plotly_afterplot", placeThreshold);
  }
  const { xaxis, yaxis } = axes;
  const row = slider.views[plot.chosen[0] ?? 0] ?? null;
  const found = row === null ? null : slider.outcomes[row];
  const x = found && xaxis.l2p(found.coverage);
  const shown = found !== null && x >= 0 && x <= xaxis._length;
  thresholdMark.style.display = shown ? "" : "none";
  if (!shown) return;
  const { colour, group } = slider.models[slider.model];
  const left = xaxis._offset + x;
  const ends = { x1: left, x2: left, y1: yaxis._offset, y2: yaxis._offset + yaxis._length };
  for (const [name, value] of Object.entries(ends)) threshold.line.setAttribute(name, value);
  const y = found.risk === null ? NaN : yaxis.l2p(found.risk);
  threshold.point.style.display = y >= 0 && y <= yaxis._length && !plot.hidden.has(group) ? "" : "none";
  threshold.point.style.stroke = colour;
  threshold.point.setAttribute("cx", left);
  threshold.point.setAttribute("cy", yaxis._offset + (y || 0));
}

if (slider) {
  slider.range.addEventListener("input", () => {
    slider.stop = Number(slider.range.value);
    showStop();
  });
  slider.range.addEventListener("change", () => changed("view"));
  slider.select.addEventListener("change", () => {
    goToStop(Number(slider.select.value));
    changed("view");
  });
  slider.back.addEventListener("click", () => {
    goToStop(slider.model);
    slider.range.focus(); // the button has nothing left to do
    changed("view");
  });
  whenever("drawn", placeThreshold);
  goToStop(0);
}
