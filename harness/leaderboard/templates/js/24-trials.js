// All trials, on demand: a grid over columns that lie in the page.

const whichTable = all("#which button");
const trialPanel = document.getElementById("all-trials");
const trialControls = trialPanel && {
  statuses: all("#statuses input"),
  family: document.getElementById("trials-family"),
  search: document.getElementById("trials-search"),
};
let trialView = null; // { rows, of, grid, family, columns }, once somebody has asked for it

/** The values of a column: a list, or what occurs in it and where. */
const unpacked = (column) => (Array.isArray(column) ? column : column.at.map((place) => (place < 0 ? null : column.of[place])));

/** A hyper-parameter as a text, as harness/leaderboard/text.py writes it. */
function parameterText(value) {
  if (typeof value === "boolean") return word(value ? "yes" : "no");
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : significant(value, 3, false);
  return value;
}

/** Why a trial has no score, in the page's language; files have it as the rows do. */
const reasonText = (one) => {
  const written = one.values[TRIAL_COLUMNS.indexOf("reason")];
  return trialData().reasons[written] ?? written;
};

const OWN = "parameters."; // before the name of a hyper-parameter that has a column of its own
const TRIAL_COLUMNS = ["trial", "family", "status", "score", "seconds", "started", "reason"];

const trialData = () => packedPart("trials");

/** Trials as objects, the best first, each with its own hyper-parameters. */
function readTrials() {
  const columns = TRIAL_COLUMNS.map((key) => unpacked(trialData()[key]));
  const found = columns[0].map((_, place) => ({
    values: columns.map((column) => column[place]),
    parameters: {},
  }));
  const ofFamily = grouped(found, (one) => one.values[1]);
  for (const [family, parameters] of Object.entries(trialData().parameters))
    for (const [name, column] of Object.entries(parameters)) {
      const values = unpacked(column);
      ofFamily.get(family).forEach((one, place) => {
        if (values[place] !== null) one.parameters[name] = values[place];
      });
    }
  for (const one of found) {
    one.text = Object.entries(one.parameters).map(([name, value]) => `${name}=${parameterText(value)}`).join(", ");
    const texts = one.values.filter((value) => typeof value === "string");
    one.sought = [...texts, trialData().words[one.values[2]], reasonText(one) ?? "", one.text].join("\n").toLowerCase();
  }
  return found;
}

function grouped(values, keyOf) {
  const found = new Map();
  for (const value of values) {
    const key = keyOf(value);
    if (!found.has(key)) found.set(key, []);
    found.get(key).push(value);
  }
  return found;
}

const TRIAL_KINDS = { score: ["area", "high"], seconds: ["seconds", "low"], started: ["seconds", "low"] };
const trialColumn = (key) => [key, word(`trial_${key}`), ...(TRIAL_KINDS[key] ?? ["text"])];

/** The columns of the grid: the hyper-parameters of one family each have their own, those of several are one text. */
function trialColumns(family) {
  if (!family) return [...TRIAL_COLUMNS, "parameters"].map(trialColumn);
  const own = Object.entries(trialData().parameters[family] ?? {}).map(([name, column]) => {
    const numeric = unpacked(column).every((value) => value === null || typeof value === "number");
    return [OWN + name, name, numeric ? "number" : "text", "low"];
  });
  const fixed = TRIAL_COLUMNS.filter((key) => key !== "family" && key !== "reason").map(trialColumn);
  return [...fixed, ...own, trialColumn("reason")];
}

/** A trial as a row of the grid; the trial itself stands behind its last column. */
function trialRow(one, columns) {
  const row = columns.map(([key, , kind]) => {
    if (key === "parameters") return one.text || null;
    if (key === "reason") return reasonText(one);
    if (!key.startsWith(OWN)) return one.values[TRIAL_COLUMNS.indexOf(key)];
    const value = one.parameters[key.slice(OWN.length)] ?? null;
    return value === null || kind === "number" ? value : String(parameterText(value));
  });
  return [...row, one];
}

const STATUS_SIGNS = { done: ["kept", "✓"], failed: ["broken", "✕"] };

function trialCell(key, value) {
  if (key === "reason" && value === null) return ""; // there is nothing to explain
  if (key !== "status") return null;
  const [tone, sign] = STATUS_SIGNS[value] ?? ["none", "–"];
  return element("span", { class: `chip ${tone}` }, `${sign} ${trialData().words[value]}`);
}

/** Lay the grid out anew for the chosen family, kept in its order. */
function buildTrials(sort) {
  const family = trialControls.family.value;
  const columns = trialColumns(family);
  const place = document.getElementById("trials-grid");
  trialView.family = family;
  trialView.columns = columns;
  trialView.rows = trialView.all.map((one) => trialRow(one, columns));
  const known = sort && columns.some(([key]) => key === sort[0]) ? sort : ["score", "descending"];
  trialView.grid = grid(place, {
    columns,
    rows: trialView.rows,
    label: place.dataset.label,
    sort: known,
    cell: trialCell,
    changed: () => changed("view"),
  });
}

/** Show the trials that the controls leave. */
function filterTrials() {
  if (!trialView) return;
  const { statuses, family, search } = trialControls;
  if (trialView.family !== family.value) buildTrials(trialView.grid.sorted());
  const wanted = new Set(statuses.filter((box) => box.checked).map((box) => box.value));
  const sought = search.value.trim().toLowerCase();
  const shown = trialView.rows.filter((row) => {
    const one = row.at(-1);
    return wanted.has(one.values[2]) && (!family.value || one.values[1] === family.value) && one.sought.includes(sought);
  });
  trialView.grid.show(shown);
  const [some, many] = [shown.length, trialView.rows.length].map((n) => write("count", n));
  document.getElementById("trials-shown").textContent = word("shown", { shown: some, rows: many });
}

/** Models or all trials. */
function showTable(which) {
  const trials = which === "trials";
  for (const button of whichTable) button.setAttribute("aria-pressed", String(button.value === which));
  const board = document.getElementById("board");
  if (board) board.hidden = trials;
  trialPanel.hidden = !trials;
  if (trials && !trialView) {
    trialView = { all: readTrials(), family: null };
    buildTrials(null);
    filterTrials();
  }
}

/** The trials shown, as a file has them: a hyper-parameter is a column of its own in a CSV file, an object in JSON. */
function savedTrials(act) {
  const shown = trialView.grid.shown().map((row) => row.at(-1));
  act(`${data.file}-trials`, shown);
}

function trialsCsv(name, shown) {
  const parameters = [...new Set(shown.flatMap((one) => Object.keys(one.parameters)))].sort();
  const columns = [...TRIAL_COLUMNS, ...parameters.map((key) => OWN + key)];
  saveTable(name, columns, shown.map((one) => [...one.values, ...parameters.map((key) => one.parameters[key] ?? null)]));
}

const trialsJson = (name, shown) =>
  saveJson(name, [...TRIAL_COLUMNS, "parameters"], shown.map((one) => [...one.values, one.parameters]));

if (trialPanel) {
  for (const button of whichTable)
    button.addEventListener("click", () => {
      showTable(button.value);
      changed("view");
    });
  const refilter = () => {
    filterTrials();
    changed("view");
  };
  for (const control of [...trialControls.statuses, trialControls.family]) control.addEventListener("change", refilter);
  trialControls.search.addEventListener("input", refilter);
  document.getElementById("trials-csv").addEventListener("click", () => savedTrials(trialsCsv));
  document.getElementById("trials-json").addEventListener("click", () => savedTrials(trialsJson));
  if (!modelTable) showTable("trials");
}
