// What the page holds packed, unpacked: RFC 1951, after Mark Adler's puff. A browser's own DecompressionStream is faster
// on the large library, but answers later, and old browsers have none.

const LENGTHS = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
const LENGTH_BITS = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const REACHES = [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577];
const REACH_BITS = [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13];
const GZIP_HEAD = 10; // bytes before the packed data, where gzip gives no name
const CODE_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** The bytes that a text in base64 stands for. */
const bytesOf = (text) => Uint8Array.from(atob(text.trim()), (letter) => letter.charCodeAt(0));

/** A canonical Huffman code: how many symbols have each length, and the symbols in the order of their codes. */
function huffman(lengths) {
  const counts = new Uint16Array(16);
  for (const length of lengths) counts[length] += 1;
  counts[0] = 0;
  const next = new Uint16Array(16);
  for (let length = 1; length < 15; length++) next[length + 1] = next[length] + counts[length];
  const symbols = new Uint16Array(lengths.length);
  for (let symbol = 0; symbol < lengths.length; symbol++) if (lengths[symbol]) symbols[next[lengths[symbol]]++] = symbol;
  return { counts, symbols };
}

/** What a raw deflate stream holds. */
function inflated(packed) {
  let [place, held, left, size] = [0, 0, 0, 0];
  let made = new Uint8Array(8 * packed.length);
  const room = (more) => {
    if (size + more <= made.length) return;
    const larger = new Uint8Array(2 * (size + more));
    larger.set(made);
    made = larger;
  };
  const bits = (count) => {
    while (left < count) {
      if (place >= packed.length) throw new RangeError("the packed data end too early");
      held |= packed[place++] << left;
      left += 8;
    }
    const value = held & ((1 << count) - 1);
    held >>>= count;
    left -= count;
    return value;
  };
  const symbol = ({ counts, symbols }) => {
    let [code, first, index] = [0, 0, 0];
    for (let length = 1; length < 16; length++) {
      code |= bits(1);
      if (code - counts[length] < first) return symbols[index + code - first];
      index += counts[length];
      first = (first + counts[length]) << 1;
      code <<= 1;
    }
    throw new RangeError("the packed data hold no such code");
  };
  const stored = () => {
    left = held = 0; // the rest of a byte is skipped
    const count = packed[place] | (packed[place + 1] << 8);
    place += 4;
    room(count);
    made.set(packed.subarray(place, place + count), size);
    place += count;
    size += count;
  };
  const fixedCodes = () => [
    huffman(Array.from({ length: 288 }, (_, n) => (n < 144 ? 8 : n < 256 ? 9 : n < 280 ? 7 : 8))),
    huffman(new Array(30).fill(5)),
  ];
  const ownCodes = () => {
    const [literals, reaches, count] = [bits(5) + 257, bits(5) + 1, bits(4) + 4];
    const short = new Array(19).fill(0);
    for (let n = 0; n < count; n++) short[CODE_ORDER[n]] = bits(3);
    const code = huffman(short);
    const lengths = [];
    while (lengths.length < literals + reaches) {
      const found = symbol(code);
      if (found < 16) lengths.push(found);
      else {
        const again = found === 16 ? lengths.at(-1) : 0;
        const times = found === 16 ? 3 + bits(2) : found === 17 ? 3 + bits(3) : 11 + bits(7);
        for (let n = 0; n < times; n++) lengths.push(again);
      }
    }
    return [huffman(lengths.slice(0, literals)), huffman(lengths.slice(literals))];
  };
  const coded = ([literals, reaches]) => {
    for (;;) {
      const found = symbol(literals);
      if (found === 256) return;
      room(258);
      if (found < 256) made[size++] = found;
      else {
        const length = LENGTHS[found - 257] + bits(LENGTH_BITS[found - 257]);
        const far = symbol(reaches);
        const from = size - REACHES[far] - bits(REACH_BITS[far]);
        for (let n = 0; n < length; n++) made[size++] = made[from + n];
      }
    }
  };
  let last = 0;
  while (!last) {
    last = bits(1);
    const kind = bits(2);
    if (kind === 0) stored();
    else coded(kind === 1 ? fixedCodes() : ownCodes());
  }
  return made.subarray(0, size);
}

const openedParts = new Map();
/** A packed part of the page's data, unpacked when it is first asked for; undefined where the page has none. */
function packedPart(name) {
  if (typeof data[name] === "string" && !openedParts.has(name))
    openedParts.set(name, JSON.parse(new TextDecoder().decode(inflated(bytesOf(data[name]).subarray(GZIP_HEAD)))));
  return openedParts.get(name);
}

/** What all figures are drawn from, and their numbers, by their names. */
const figureData = () => packedPart("figures");
