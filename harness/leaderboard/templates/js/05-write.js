// Numbers as the page writes them: the same digits as harness/leaderboard/text.py.

const DASH = "–";
const NBSP = "\u00a0";

/** A number with so many decimals, rounded as Python rounds: of two that are equally near, the one with an even digit. */
function decimals(value, digits) {
  const text = value.toFixed(digits);
  const exact = value.toFixed(digits + 30);
  const tie = /^50*$/.test(exact.slice(-30));
  const nearer = exact.slice(0, -30).replace(/\.$/, ""); // to zero; toFixed goes away from it
  return tie && "02468".includes(nearer.at(-1)) ? nearer : text;
}

/** A number with so many decimals, in the page's decimal mark. */
const point = (value, digits) => decimals(value, digits).replace(".", data.decimal);

/** A number with so many decimals, its thousands apart. */
function fixed(value, digits) {
  const [whole, part] = decimals(value, digits).split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, data.thousands);
  return part === undefined ? grouped : grouped + data.decimal + part;
}

/** A number with so many digits that count, as Python's format "g" has it; with its last zeros where they are kept. */
function significant(value, digits, kept) {
  const [mantissa, power] = value.toExponential(digits - 1).split("e");
  const short = (text) => (kept || !text.includes(".") ? text : text.replace(/\.?0+$/, ""));
  const small = Number(power) < -4;
  if (!small && Number(power) < digits) {
    const text = decimals(value, digits - 1 - Number(power));
    return (kept && !text.includes(".") ? `${text}.` : short(text)).replace(".", data.decimal);
  }
  const shift = `${small ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  return `${short(mantissa)}e${shift}`.replace(".", data.decimal);
}

const WRITE = {
  count: (value) => fixed(value, 0),
  score: (value) => point(value, 3),
  area: (value) => point(value, 4),
  share: (value) => `${point(100 * value, 1)}${NBSP}%`,
  risk: (value) => `${point(100 * value, 2)}${NBSP}%`,
  points: (value) => point(value, 1),
  seconds: (value) => fixed(value, value >= 100 ? 0 : value >= 1 ? 1 : 2),
  small: (value) => significant(value, 2, true),
  number: (value) => significant(value, 6, false),
  size(value) {
    let rest = value;
    for (const unit of ["B", "kB", "MB"]) {
      if (rest < 999.5) return `${fixed(rest, unit === "B" || rest >= 99.95 ? 0 : 1)}${NBSP}${word(unit)}`;
      rest /= 1000;
    }
    return `${fixed(rest, 1)}${NBSP}${word("GB")}`;
  },
};

/** A value of a table by the kind of its column; undefined is a dash. */
const write = (kind, value) => (value === null ? DASH : kind === "text" ? String(value) : WRITE[kind](value));
