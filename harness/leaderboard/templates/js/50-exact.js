// Exact intervals of shares, to the digits of Python's.

const BETA_TAIL = 0.025; // on each side of an interval of 95 %

const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

/** The logarithm of the gamma function at 1 or more (Lanczos). */
function logGamma(x) {
  const sum = LANCZOS.reduce((found, part, place) => found + (place ? part / (x - 1 + place) : part), 0);
  const shifted = x + 6.5;
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(shifted) - shifted + Math.log(sum);
}

/** The continued fraction of the incomplete beta function (Lentz). */
function betaFraction(a, b, x) {
  const least = 1e-300;
  const kept = (value) => (Math.abs(value) < least ? least : value);
  let c = 1;
  let d = 1 / kept(1 - ((a + b) * x) / (a + 1));
  let found = d;
  for (let m = 1; m < 100000; m += 1) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / kept(1 + even * d);
    c = kept(1 + even / c);
    found *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / kept(1 + odd * d);
    c = kept(1 + odd / c);
    found *= d * c;
    if (Math.abs(d * c - 1) < 1e-14) break;
  }
  return found;
}

/** Where the regularised incomplete beta function I(x; a, b) is so large; by halving. */
function betaQuantile(a, b, wanted) {
  const scale = logGamma(a + b) - logGamma(a) - logGamma(b);
  const below = (x) => {
    const front = Math.exp(scale + a * Math.log(x) + b * Math.log1p(-x));
    return x < (a + 1) / (a + b + 2) ? (front * betaFraction(a, b, x)) / a : 1 - (front * betaFraction(b, a, 1 - x)) / b;
  };
  let [low, high] = [0, 1];
  while (high - low > 1e-10 * high) {
    const middle = (low + high) / 2;
    if (below(middle) < wanted) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** The exact 95 % interval of a share (Clopper-Pearson), as harness.metrics.selective.exact_interval. */
const exactInterval = (wrong, n) => [
  wrong ? betaQuantile(wrong, n - wrong + 1, BETA_TAIL) : 0,
  wrong < n ? betaQuantile(wrong + 1, n - wrong, 1 - BETA_TAIL) : 1,
];
