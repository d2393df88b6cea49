// The view in the address, after "#": what is sorted, chosen, searched, selected. A link to it opens the same view.

const kept = new Map();
const SETTLED = 200; // milliseconds without a change, after which the address follows

/**
 * Keep a part of the view in the address, under a name.
 *
 * read() gives it as a text, "" where it is as the page opens; write(text) restores it, and ignores what it cannot be;
 * write("") makes it as the page opens. To be called while the script runs, by files whose names sort behind this one.
 */
function keep(name, read, write) {
  kept.set(name, { read, write });
}

const isView = (fragment) => fragment.includes("="); // any other is the address of a section

/** A value as it stands in an address: what need not be escaped is left readable. */
const inAddress = (value) =>
  encodeURIComponent(value).replace(/%(2C|3A|2F|40)/g, (code) => decodeURIComponent(code)).replace(/%20/g, "+");

/** Several values as one text, and back; a comma in a value is told from one between values. */
const listed = (values) => values.map((value) => value.replace(/[\\,]/g, "\\$&")).join(",");
const unlisted = (text) => (text.match(/(?:\\.|[^,\\])+/g) ?? []).map((value) => value.replace(/\\(.)/g, "$1"));

/** The present view as a fragment, without its "#"; "" where it is as the page opens. */
function viewWritten() {
  const parts = [...kept].map(([name, { read }]) => [name, read()]).filter(([, value]) => value !== "");
  return parts.map(([name, value]) => `${inAddress(name)}=${inAddress(value)}`).join("&");
}

/** Make the view what a fragment says; names that nobody knows are ignored. */
function restoreView(fragment) {
  const said = new URLSearchParams(fragment);
  for (const [name, { read, write }] of kept) {
    const value = said.get(name) ?? "";
    if (value !== read()) write(value);
  }
}

const fragmentNow = () => location.hash.slice(1);

/** Let the address follow the view; a link to a section stays until there is a view to keep. */
function followView() {
  const view = viewWritten();
  if (view === fragmentNow() || (!view && !isView(fragmentNow()))) return;
  history.replaceState(null, "", view ? `#${view}` : location.pathname + location.search);
}

/** A link to the present view. */
const viewLink = () => {
  const view = viewWritten();
  return location.href.split("#")[0] + (view ? `#${view}` : "");
};

/** Copy the link; where a browser does not let the page do so, show it, ready to be copied. */
async function shareView() {
  const said = document.getElementById("shared");
  const shown = document.getElementById("link");
  const link = viewLink();
  shown.hidden = true;
  try {
    await navigator.clipboard.writeText(link);
    said.textContent = word("copied");
  } catch {
    said.textContent = word("uncopied");
    shown.hidden = false;
    const field = shown.querySelector("input");
    field.value = link;
    field.focus();
    field.select();
  }
}
document.getElementById("share")?.addEventListener("click", shareView);

let settling = 0;
function settleView() {
  clearTimeout(settling);
  settling = setTimeout(followView, SETTLED);
}

// Once the whole script has run, and every part of the page keeps what it keeps.
queueMicrotask(() => {
  if (isView(fragmentNow())) restoreView(fragmentNow());
  for (const what of ["view", "selection"]) whenever(what, settleView);
  addEventListener("hashchange", () => isView(fragmentNow()) && restoreView(fragmentNow()));
});
