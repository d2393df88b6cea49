// Selected rows of the table of models; two to four of them side by side.

const LEAST_COMPARED = 2;
const MOST_COMPARED = 4;
const SHARES = { share: 1, risk: 2 }; // kinds of numbers whose differences are points, with so many decimals
const boxOf = (row) => row.querySelector(".choose input");
const comparison = document.getElementById("comparison");
const compareButton = document.getElementById("compare");

/** The selected rows, in the order of their selection. */
const selectedRows = () =>
  [...selection].map((group) => modelRows.find((row) => boxOf(row).value === group)).filter(Boolean);
const comparable = (n) => n >= LEAST_COMPARED && n <= MOST_COMPARED;

/** A difference as the numbers of its column are written, with its sign; of shares in points. */
function differenceWritten(kind, difference) {
  const size = Math.abs(difference);
  const digits = kind in SHARES ? fixed(100 * size, SHARES[kind]) : write(kind, size);
  const sign = !/[1-9]/.test(digits) ? "±" : difference > 0 ? "+" : "−";
  return kind in SHARES ? word("points", { points: sign + digits }) : sign + digits;
}

/**
 * Which of some values are the best, as they and their differences are shown; none where no way is better, where all look alike,
 * or where one that is behind ties with the best: chance may explain why it is.
 */
function bestOf(values, kind, better, ties) {
  const known = values.filter((value) => value !== null);
  if (!better || known.length < 2) return values.map(() => false);
  const best = better === "high" ? Math.max(...known) : Math.min(...known);
  const alike = (value) => write(kind, value) === write(kind, best) || differenceWritten(kind, value - best).startsWith("±");
  const marked = values.map((value) => value !== null && alike(value));
  const behind = values.map((value, place) => value !== null && !marked[place]);
  return marked.map((mark) => mark && behind.includes(true) && !behind.some((is, place) => is && ties[place]));
}

/** A row of the comparison: a measure, and what each model has of it. */
function measureRow(heading, place, rows) {
  const { kind, better } = heading.dataset;
  const cells = rows.map((row) => row.cells[place]);
  const values = cells.map((cell) => valueOf(cell, true));
  const ties = cells.map((cell) => cell.querySelector(".tie") !== null);
  const best = bestOf(values, kind, better, ties);
  const label = heading.querySelector("button").textContent;
  return element(
    "tr",
    { "data-key": heading.dataset.column },
    element("th", { scope: "row" }, label),
    ...cells.map((cell, at) => {
      const made = element("td", { class: "number", "data-value": values[at] });
      made.append(...all(".value, .tip, .interval", cell).map((part) => part.cloneNode(true)));
      if (best[at]) made.append(" ", element("span", { class: "tag" }, word("best")));
      if (at && values[at] !== null && values[0] !== null)
        made.append(element("span", { class: "interval difference" }, differenceWritten(kind, values[at] - values[0])));
      return made;
    }),
  );
}

/** A part of the comparison under a heading of its own; nothing where it has no rows. */
function comparisonPart(title, rows, width) {
  if (!rows.length) return [];
  const heading = element("th", { scope: "rowgroup", colspan: String(width) }, title);
  return [element("tbody", {}, element("tr", { class: "part" }, heading), ...rows)];
}

/** Hyper-parameters that are not the same in all of the models. */
function parameterRows(rows) {
  const column = data.table.columns.indexOf("parameters");
  const chosen = rows.map((row) => rawOf(row)[column] ?? {});
  const names = [...new Set(chosen.flatMap((one) => Object.keys(one)))].sort();
  const texts = names.map((name) => [name, chosen.map((one) => (name in one ? String(parameterText(one[name])) : DASH))]);
  return texts
    .filter(([, values]) => new Set(values).size > 1)
    .map(([name, values]) =>
      element("tr", {}, element("th", { scope: "row" }, name), ...values.map((value) => element("td", { class: "number" }, value))),
    );
}

function comparisonTable(rows) {
  const headings = headingsOf(modelTable);
  const parts = all("#columns fieldset").flatMap((part) => {
    const keys = all("input", part).map((box) => box.value);
    const measured = headings
      .map((heading, place) => [heading, place])
      .filter(([heading]) => keys.includes(heading.dataset.column) && heading.dataset.kind !== "text")
      .filter(([, place]) => rows.some((row) => valueOf(row.cells[place], true) !== null))
      .map(([heading, place]) => measureRow(heading, place, rows));
    return comparisonPart(part.querySelector("legend").textContent, measured, rows.length + 1);
  });
  const names = rows.map((row) => element("th", { scope: "col", class: "number" }, data.models[row.dataset.at][0]));
  return element(
    "table",
    { class: "compared" },
    element("thead", {}, element("tr", {}, element("th", { scope: "col" }, word("measure")), ...names)),
    ...parts,
    ...comparisonPart(word("differing"), parameterRows(rows), rows.length + 1),
  );
}

/** Lay the selected rows side by side, below the table. */
function openComparison() {
  const rows = selectedRows();
  const title = element("h3", { id: "comparison-h" }, word("comparison", { n: rows.length }));
  const close = element("button", { type: "button", id: "comparison-close" }, word("close"));
  close.addEventListener("click", closeComparison);
  const label = word("comparison", { n: rows.length });
  const region = { class: "scroll", tabindex: "0", role: "region", "aria-label": label };
  const first = element("p", { class: "quiet" }, word("differences", { model: data.models[rows[0].dataset.at][0] }));
  comparison.replaceChildren(
    element("div", { class: "heads" }, title, close),
    element("div", region, comparisonTable(rows)),
    first,
  );
  comparison.hidden = false;
}

/** Put it away; the focus returns to the button that opened it. */
function closeComparison() {
  const inside = comparison.contains(document.activeElement);
  comparison.hidden = true;
  comparison.replaceChildren();
  if (inside) compareButton.focus();
  changed("view");
}

/** Take over what is selected: boxes, the button, and the comparison while it is open. */
function showSelection() {
  const rows = selectedRows();
  for (const row of modelRows) {
    boxOf(row).checked = selection.has(boxOf(row).value);
    row.classList.toggle("is-selected", boxOf(row).checked);
  }
  const n = rows.length;
  compareButton.setAttribute("aria-disabled", String(!comparable(n)));
  document.getElementById("unselect").hidden = n === 0;
  const why = n === 0 ? "unselected" : n < LEAST_COMPARED ? "too_few" : n > MOST_COMPARED ? "too_many" : "selected";
  document.getElementById("compare-why").textContent = word(why, { n });
  if (comparison.hidden) return;
  if (comparable(n)) openComparison();
  else closeComparison();
}

if (modelTable) {
  for (const row of modelRows) boxOf(row).addEventListener("change", () => select(boxOf(row).value, boxOf(row).checked));
  compareButton.addEventListener("click", () => {
    if (!comparable(selectedRows().length)) return;
    openComparison();
    comparison.focus();
    changed("view");
  });
  document.getElementById("unselect").addEventListener("click", () => {
    selection.clear();
    changed("selection");
    compareButton.focus();
  });
  comparison.addEventListener("keydown", ({ key }) => {
    if (key === "Escape") closeComparison();
  });
  whenever("selection", showSelection);
  showSelection(); // a browser may restore boxes that were ticked before
}
