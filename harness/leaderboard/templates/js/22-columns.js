// The column chooser of the table of models.

const columnBoxes = all("#columns input");
const firstColumns = columnBoxes.filter((box) => box.defaultChecked).map((box) => box.value);
const chosenColumns = () => columnBoxes.filter((box) => box.checked).map((box) => box.value);

/** Show what is chosen: cells, the headings over them, and why values under them are missing. */
function applyColumns() {
  const chosen = new Set(chosenColumns());
  for (const cell of all("[data-column]", modelTable))
    if (cell.dataset.column !== "model") cell.hidden = !chosen.has(cell.dataset.column);
  const parts = all("#columns fieldset");
  const over = all("[data-part]", modelTable.tHead);
  parts.forEach((part, place) => {
    const boxes = all("input", part);
    const model = over[place].dataset.part === "model";
    const shown = boxes.filter((box) => box.checked).length + (model ? 1 : 0);
    over[place].hidden = shown === 0;
    over[place].colSpan = Math.max(shown, 1);
    for (const reason of all(`.reasons [data-part="${CSS.escape(over[place].dataset.part)}"]`)) reason.hidden = shown === 0;
  });
  for (const list of all("ul.reasons")) {
    const empty = [...list.children].every((one) => one.hidden);
    list.hidden = empty;
    list.previousElementSibling.hidden = empty;
  }
  const [shown, columns] = [chosen.size + 1, columnBoxes.length + 1];
  document.getElementById("columns-shown").textContent = word("columns", { shown, columns });
}

/** Choose columns by their keys. */
function chooseColumns(keys) {
  const wanted = new Set(keys);
  for (const box of columnBoxes) box.checked = wanted.has(box.value);
  applyColumns();
  changed("view");
}

if (modelTable) {
  const chooser = document.getElementById("columns");
  for (const box of columnBoxes)
    box.addEventListener("change", () => {
      applyColumns();
      changed("view");
    });
  document.getElementById("columns-first").addEventListener("click", () => chooseColumns(firstColumns));
  document.getElementById("columns-all").addEventListener("click", () => chooseColumns(columnBoxes.map((box) => box.value)));
  chooser.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !chooser.open) return;
    chooser.open = false;
    chooser.querySelector("summary").focus();
  });
  applyColumns();
}
