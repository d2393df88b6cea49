// A table that stands in the page in full, as a file.

for (const button of all("button[data-saved]"))
  button.addEventListener("click", () => saveTable(data.file, data.saved.columns, data.saved.rows));
