// A table of any number of rows, of which only those in sight stand in the page.

const AROUND = 12; // rows above and below those in sight that stand in the page
const TALL = 30; // rem that a table is high at most, as the style sheet has it
const WIDEST = 400; // letters of a cell that are shown; what is longer is cut, and whole in its tip
const MOST_COLLATED = 1000; // texts that are compared letter by letter as the language has it; more would take too long
const MEASURED = 200; // numbers whose written width is looked at; of texts all are

const opposite = (order) => (order === "ascending" ? "descending" : "ascending");
const collator = new Intl.Collator(root.lang || "en", { numeric: true });

/** The order in which a first click sorts: texts from their beginning, numbers from the better end. */
const firstOrder = (kind, better) => (kind === "text" || better === "low" ? "ascending" : "descending");

/** Texts as a reader expects them, with the numbers inside them by their size. */
function inOrder(texts) {
  if (texts.length <= MOST_COLLATED) return texts.sort(collator.compare);
  const padded = texts.map((text) => [text.toLowerCase().replace(/\d+/g, (digits) => digits.padStart(9, "0")), text]);
  return padded.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, text]) => text);
}

/** Keys of rows that sort as their values do: numbers themselves, texts by their place among all texts; NaN is missing. */
function sortKeys(rows, place, kind, known) {
  if (kind !== "text") return Float64Array.from(rows, (row) => row[place] ?? NaN);
  if (!known.has(place) || rows.some((row) => row[place] !== null && !known.get(place).has(row[place]))) {
    const texts = inOrder([...new Set(rows.map((row) => row[place]))].filter((text) => text !== null));
    known.set(place, new Map(texts.map((text, rank) => [text, rank])));
  }
  return Float64Array.from(rows, (row) => (row[place] === null ? NaN : known.get(place).get(row[place])));
}

/** Rows in the order of their keys, equal ones as they came; missing ones are last in both directions. */
function sortedRows(rows, keys, order) {
  const sign = order === "ascending" ? 1 : -1;
  const there = [];
  const missing = [];
  for (let place = 0; place < rows.length; place++) (Number.isNaN(keys[place]) ? missing : there).push(place);
  there.sort((a, b) => sign * (keys[a] - keys[b]) || a - b);
  return [...there, ...missing].map((place) => rows[place]);
}

/** How many letters a column needs. */
function letters([, label, kind], place, rows) {
  const step = kind === "text" ? 1 : Math.max(1, Math.floor(rows.length / MEASURED));
  const wide = kind === "text" ? 0.9 : 1; // letters of words are narrower than digits
  let most = 0;
  for (let at = 0; at < rows.length; at += step) {
    const value = rows[at][place];
    const length = kind === "text" ? (value ?? DASH).length : write(kind, value).length;
    if (length > most) most = length;
  }
  return Math.ceil(Math.min(Math.max(wide * most + 1, label.length + 3), WIDEST) + 2);
}

/**
 * Put a table with sortable headings into an element; it scrolls within itself.
 *
 * columns: [[key, label, kind, better], …], the kinds of 05-write.js; "better" ("high", "low") may be missing.
 * rows: arrays in the order of the columns; null is missing. The first column names its row.
 * sort: [key, "ascending" or "descending"], or nothing for the rows' own order.
 * hidden: keys of columns that are not shown. cell: (key, value, row) => a node to stand for a value, or null.
 * Returns {show(rows), hide(keys), sort(key, order), sorted(), shown()}: other rows, other hidden columns, another order;
 * what it is sorted by ([key, order] or null), and the rows in the order shown.
 */
function grid(node, { columns, rows, label, sort = null, hidden = [], cell = () => null, changed: tell = () => {} }) {
  const state = { rows, shown: rows, sort, hidden: new Set(hidden), first: -1, last: -1, known: new Map() };
  const widths = columns.map((column, place) => letters(column, place, rows));
  const head = element("thead");
  const above = element("tbody", { "aria-hidden": "true" });
  const body = element("tbody");
  const below = element("tbody", { "aria-hidden": "true" });
  const spans = element("colgroup");
  const table = element("table", { class: "grid" }, spans, head, above, body, below);
  const view = element("div", { class: "scroll gridded", tabindex: "0", role: "region", "aria-label": label }, table);
  table.setAttribute("aria-label", label);
  node.replaceChildren(view);

  const seen = () => columns.map((column, place) => [column, place]).filter(([[key]]) => !state.hidden.has(key));

  function buildHead() {
    const shown = seen();
    spans.replaceChildren(
      ...shown.map(([, place]) => {
        const span = element("col");
        span.style.width = `${widths[place]}ch`;
        return span;
      }),
    );
    table.style.width = `${shown.reduce((sum, [, place]) => sum + widths[place], 0)}ch`;
    const cells = shown.map(([[key, label, kind, better]]) => {
      const button = element("button", { type: "button" }, label);
      button.addEventListener("click", () => {
        const first = firstOrder(kind, better);
        sortBy(key, state.sort?.[0] === key && state.sort[1] === first ? opposite(first) : first);
        tell();
      });
      const attributes = { scope: "col", "data-key": key, "aria-sort": "none", class: kind === "text" ? null : "number" };
      return element("th", attributes, button);
    });
    head.replaceChildren(element("tr", { "aria-rowindex": "1" }, ...cells));
    markSort();
  }

  function markSort() {
    for (const heading of head.rows[0].cells)
      heading.setAttribute("aria-sort", heading.dataset.key === state.sort?.[0] ? state.sort[1] : "none");
  }

  function buildRow(row, at) {
    const made = element("tr", { "aria-rowindex": String(at + 2) });
    for (const [[key, , kind], place] of seen()) {
      const written = write(kind, row[place]);
      const attributes = { class: kind === "text" ? null : "number", title: written.length > WIDEST ? written : null };
      const content = cell(key, row[place], row) ?? written;
      made.append(element(place ? "td" : "th", place ? attributes : { ...attributes, scope: "row" }, content));
    }
    return made;
  }

  const space = (rows) => {
    const filler = element("td", { colspan: String(seen().length || 1) });
    filler.style.height = `${rows * rowHeight()}px`;
    return rows ? [element("tr", {}, filler)] : [];
  };
  const rem = () => parseFloat(getComputedStyle(root).fontSize);
  const rowHeight = () => body.rows[0]?.getBoundingClientRect().height || 2 * rem();

  /** Put the rows in sight into the page. */
  function fill(anew) {
    const height = rowHeight();
    const count = state.shown.length;
    const reach = Math.ceil((TALL * rem()) / height);
    const top = Math.min(Math.floor(view.scrollTop / height), Math.max(0, count - reach));
    const first = Math.max(0, top - AROUND);
    const last = Math.min(count, top + reach + AROUND);
    if (!anew && first === state.first && last === state.last) return;
    [state.first, state.last] = [first, last];
    const built = state.shown.slice(first, last).map((row, at) => buildRow(row, first + at));
    const empty = () => element("tr", {}, element("td", { colspan: String(seen().length || 1), class: "quiet" }, word("empty")));
    body.replaceChildren(...(count ? built : [empty()]));
    above.replaceChildren(...space(first));
    below.replaceChildren(...space(count - last));
    table.setAttribute("aria-rowcount", String(count + 1));
  }

  function arrange() {
    const place = columns.findIndex(([key]) => key === state.sort?.[0]);
    if (place < 0) state.sort = null;
    state.shown = state.sort
      ? sortedRows(state.rows, sortKeys(state.rows, place, columns[place][2], state.known), state.sort[1])
      : state.rows;
    view.scrollTop = 0;
    fill(true);
  }

  function sortBy(key, order) {
    state.sort = key === null ? null : [key, order];
    arrange();
    markSort();
  }

  let waiting = 0;
  view.addEventListener("scroll", () => {
    waiting ||= requestAnimationFrame(() => {
      waiting = 0;
      fill(false);
    });
  });
  buildHead();
  arrange();
  markSort();
  return {
    show(rows) {
      state.rows = rows;
      arrange();
    },
    hide(keys) {
      state.hidden = new Set(keys);
      buildHead();
      fill(true);
    },
    sort: sortBy,
    sorted: () => state.sort,
    shown: () => state.shown,
  };
}
