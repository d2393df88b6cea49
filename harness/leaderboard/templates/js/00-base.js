// What every part shares: the page's data, its words, its colours, and which models are selected.

const root = document.documentElement;
root.classList.add("scripted"); // what only works with a script is shown from here on
const data = JSON.parse(document.getElementById("data").textContent);
const all = (selector, from = document) => [...from.querySelectorAll(selector)];

/** A text of the page's language, with values in its braces. */
const word = (key, values = {}) => data.words[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);

/** An element with attributes, holding texts and other elements; a text is never read as HTML. */
function element(tag, attributes = {}, ...parts) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(name, value);
  made.append(...parts);
  return made;
}

/** Tell the other parts of the page that something changed: "selection", "view", "theme", "drawn". */
const changes = new EventTarget();
const changed = (what) => changes.dispatchEvent(new Event(what));
const whenever = (what, act) => changes.addEventListener(what, act);

/** The groups of the selected models, in the order of their selection; with none, all are shown alike. */
const selection = new Set();
function select(group, on) {
  selection[on ? "add" : "delete"](group);
  changed("selection");
}

/** Do something with the colours of the light theme, those of paper. */
function inLight(act) {
  const printing = root.classList.contains("printing");
  root.classList.add("printing");
  try {
    return act();
  } finally {
    root.classList.toggle("printing", printing);
  }
}

/** The same value with every var(--name) replaced by what it is in the present theme. */
function resolved(value, styles = getComputedStyle(root)) {
  if (typeof value === "string") {
    const name = /^var\((--[\w-]+)\)$/.exec(value);
    return name ? styles.getPropertyValue(name[1]).trim() : value;
  }
  if (Array.isArray(value)) return value.map((part) => resolved(part, styles));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, resolved(part, styles)]));
}
