// What of the table of models, and of all trials, is kept in the address.

/** An order in the address, "risk.asc", and back: [key, order], or null where it is none of these keys. */
const orderWritten = ([key, order]) => `${key}.${order === "ascending" ? "asc" : "desc"}`;
function orderRead(text, keys) {
  const found = /^(.+)\.(asc|desc)$/s.exec(text);
  return found && keys.includes(found[1]) ? [found[1], found[2] === "asc" ? "ascending" : "descending"] : null;
}

/** Boxes that are ticked, as a list; "" where those are that the page opens with, "none" where none is. */
function boxesWritten(boxes) {
  const ticked = boxes.filter((box) => box.checked);
  if (boxes.every((box) => box.checked === box.defaultChecked)) return "";
  if (ticked.length === boxes.length) return "all";
  return ticked.length ? listed(ticked.map((box) => box.value)) : "none";
}
/** The boxes that a list names; null where it names none of them. */
function boxesRead(text, boxes) {
  if (text === "") return boxes.filter((box) => box.defaultChecked);
  if (text === "all") return boxes;
  if (text === "none") return [];
  const names = new Set(unlisted(text));
  const found = boxes.filter((box) => names.has(box.value));
  return found.length ? found : null;
}
/** Keep boxes of which any may be ticked; act takes over what they say. */
function keepBoxes(name, boxes, act) {
  const write = (text) => {
    const ticked = boxesRead(text, boxes);
    if (!ticked) return;
    for (const box of boxes) box.checked = ticked.includes(box);
    act();
  };
  keep(name, () => boxesWritten(boxes), write);
}
/** Keep a field or a choice; a value that a choice does not offer is ignored. */
function keepValue(name, control, act) {
  const write = (text) => {
    if (control.options && ![...control.options].some((option) => option.value === text)) return;
    control.value = text;
    act();
  };
  keep(name, () => control.value, write);
}

if (modelTable) {
  const sortable = headingsOf(modelTable).filter((heading) => heading.dataset.column);
  const keys = sortable.map((heading) => heading.dataset.column);
  const sortedBy = () => sortable.find((heading) => heading.getAttribute("aria-sort") !== "none");
  const orderNow = () => orderWritten([sortedBy().dataset.column, sortedBy().getAttribute("aria-sort")]);
  const opening = orderNow();
  keep("sort", () => (orderNow() === opening ? "" : orderNow()), (text) => {
    const [key, order] = orderRead(text || opening, keys) ?? [];
    if (key) sortTable(modelTable, sortable[keys.indexOf(key)], order);
  });
  keepBoxes("columns", columnBoxes, applyColumns);
  keepBoxes("kinds", kinds, filterModels);
  if (familyChoice) keepValue("family", familyChoice, filterModels);
  keepValue("search", modelSearch, filterModels);
  const names = new Map(data.models.map(([name, group]) => [name, group]));
  const nameOf = new Map(data.models.map(([name, group]) => [group, name]));
  keep("selected", () => listed([...selection].map((group) => nameOf.get(group))), (text) => {
    const groups = unlisted(text).map((name) => names.get(name)).filter(Boolean);
    selection.clear();
    for (const group of groups) selection.add(group);
    changed("selection");
  });
  keep("compare", () => (comparison.hidden ? "" : "1"), (text) => {
    if (text === "1" && comparable(selectedRows().length)) openComparison();
    else if (!comparison.hidden) closeComparison();
  });
}

if (trialPanel) {
  if (whichTable.length)
    keep("trials", () => (trialPanel.hidden ? "" : "1"), (text) => showTable(text === "1" ? "trials" : "models"));
  keepValue("trials.family", trialControls.family, filterTrials);
  keepBoxes("trials.status", trialControls.statuses, filterTrials);
  keepValue("trials.search", trialControls.search, filterTrials);
  const byScore = "score.desc";
  const orderNow = () => (trialView?.grid.sorted() ? orderWritten(trialView.grid.sorted()) : byScore);
  keep("trials.sort", () => (orderNow() === byScore ? "" : orderNow()), (text) => {
    const order = trialView && orderRead(text || byScore, trialView.columns.map(([key]) => key));
    if (order) trialView.grid.sort(...order);
  });
}
