// Tables whose rows stand in the page sort; the table of models filters as well, and is saved as it is shown.

const valueOf = (cell, numeric) => {
  const value = cell.dataset.value;
  return value === undefined || value === "" ? null : numeric ? Number(value) : value;
};

/** The headings of a table that sort, by the place of their column. */
const headingsOf = (table) => [...table.tHead.rows[table.tHead.rows.length - 1].cells];

/** Sort a table's rows by one of its columns; missing values are last in both directions, and sets that cannot be compared stay apart. */
function sortTable(table, heading, order) {
  const headings = headingsOf(table);
  const column = headings.indexOf(heading);
  const numeric = (heading.dataset.type ?? heading.dataset.kind) !== "text";
  const sign = order === "ascending" ? 1 : -1;
  const rows = [...table.tBodies[0].rows].map((row) => ({ row, value: valueOf(row.cells[column], numeric) }));
  rows.sort((a, b) => {
    const apart = (a.row.dataset.set ?? 0) - (b.row.dataset.set ?? 0);
    if (apart) return apart;
    if (a.value === null || b.value === null) return (a.value === null) - (b.value === null);
    return sign * (numeric ? a.value - b.value : collator.compare(a.value, b.value));
  });
  table.tBodies[0].append(...rows.map(({ row }) => row));
  for (const one of headings.filter((cell) => cell.hasAttribute("aria-sort")))
    one.setAttribute("aria-sort", one === heading ? order : "none");
}

for (const table of all("table[data-sortable]"))
  for (const heading of all("th[aria-sort]", table))
    heading.querySelector("button").addEventListener("click", () => {
      const first = firstOrder(heading.dataset.type ?? heading.dataset.kind, heading.dataset.better || "low");
      sortTable(table, heading, heading.getAttribute("aria-sort") === first ? opposite(first) : first);
      changed("view");
    });

const modelTable = document.getElementById("models");
const modelRows = modelTable ? [...modelTable.tBodies[0].rows] : []; // as they came, the best first
const kinds = all("#kinds input");
const familyChoice = document.getElementById("models-family");
const modelSearch = document.getElementById("models-search");

/** What a row of the table holds in the file, by the names of its columns. */
const rawOf = (row) => data.table.rows[row.dataset.at];
/** What a reader may look for in a row. */
const haystacks = new Map(
  modelRows.map((row) => {
    const [name] = data.models[row.dataset.at];
    const { kind, family } = row.dataset;
    const shown = row.querySelector('[data-column="kind"]').textContent;
    return [row, [name, kind, shown, family, data.table.search[row.dataset.at]].join("\n").toLowerCase()];
  }),
);

function filterModels() {
  const wanted = new Set(kinds.filter((box) => box.checked).map((box) => box.value));
  const family = familyChoice?.value ?? "";
  const sought = modelSearch.value.trim().toLowerCase();
  for (const row of modelRows)
    row.hidden =
      (kinds.length > 0 && !wanted.has(row.dataset.kind)) ||
      (family !== "" && row.dataset.family !== family) ||
      !haystacks.get(row).includes(sought);
  const shown = modelRows.filter((row) => !row.hidden).length;
  document.getElementById("shown").textContent = word("shown", { shown, rows: modelRows.length });
}

if (modelTable) {
  const refilter = () => {
    filterModels();
    changed("view");
  };
  for (const control of [...kinds, familyChoice].filter(Boolean)) control.addEventListener("change", refilter);
  modelSearch.addEventListener("input", refilter);
  filterModels(); // a browser may restore what was chosen before
  const shownRows = () => [...modelTable.tBodies[0].rows].filter((row) => !row.hidden).map(rawOf);
  document.getElementById("download").addEventListener("click", () => saveTable(data.file, data.table.columns, shownRows()));
  document.getElementById("download-json").addEventListener("click", () => saveJson(data.file, data.table.columns, shownRows()));
}
