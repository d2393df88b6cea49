// Files that the page saves, made here; nothing is sent anywhere.

/** A field of a CSV file; a text that a spreadsheet would take for a formula is kept from being one. */
function field(value) {
  if (value === null) return "";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  const plain = typeof value === "string" ? value : JSON.stringify(value);
  const text = /^[=+\-@\t\r]/.test(plain) ? `'${plain}` : plain;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Save a text, or bytes, under a name. */
function save(name, type, content) {
  const link = element("a", { href: URL.createObjectURL(new Blob([content], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** Save rows as CSV: columns by their names, undefined as nothing. */
function saveTable(name, columns, rows) {
  const lines = [columns, ...rows].map((row) => row.map(field).join(","));
  save(`${name}.csv`, "text/csv;charset=utf-8", `${lines.join("\r\n")}\r\n`);
}

/** Save rows as JSON: an object each, undefined as null. */
function saveJson(name, columns, rows) {
  const objects = rows.map((row) => Object.fromEntries(columns.map((key, place) => [key, row[place]])));
  save(`${name}.json`, "application/json", `${JSON.stringify(objects, null, 1)}\n`);
}
