// The numbers behind each figure: a table that is built when it is opened, and a file.

const unpackedNumbers = new Map();

/** Columns and rows of a figure's numbers; the page holds them column by column, and texts that come again but once. */
function numbersOf(name) {
  if (!unpackedNumbers.has(name)) {
    const { columns, values } = figureData()[name].numbers;
    const unpacked = values.map((one) => (one.texts ? one.at.map((place) => (place === null ? null : one.texts[place])) : one));
    const rows = (unpacked[0] ?? []).map((_, row) => unpacked.map((column) => column[row]));
    unpackedNumbers.set(name, { columns, rows });
  }
  return unpackedNumbers.get(name);
}

for (const details of all("details.numbers")) {
  const place = details.querySelector("[data-numbers]");
  const build = () => {
    if (!details.open || place.hasChildNodes()) return;
    grid(place, { ...numbersOf(place.dataset.numbers), label: place.dataset.label });
  };
  details.addEventListener("toggle", build);
  build(); // a browser may restore what was open before
}

for (const button of all("button[data-csv]"))
  button.addEventListener("click", () => {
    const { columns, rows } = numbersOf(button.dataset.csv);
    saveTable(`${data.file}-${button.dataset.csv}`, columns.map(([key]) => key), rows);
  });
