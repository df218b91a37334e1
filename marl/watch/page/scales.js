// Scales from numbers to screen positions, ticks, and number formats.

export function linear([low, high], [from, to]) {
  const span = high - low || 1;
  const place = value => from + (value - low) / span * (to - from);
  place.invert = at => low + (at - from) / (to - from) * span;
  return place;
}

export function logarithmic([low, high], range) {
  const inner = linear([Math.log10(low), Math.log10(high)], range);
  const place = value => inner(Math.log10(value));
  place.invert = at => 10 ** inner.invert(at);
  return place;
}

// Round numbers within [low, high], about `count` of them.
export function ticks(low, high, count) {
  const rough = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const nice = [1, 2, 5, 10], wanted = nice.findIndex(step => step * power >= rough);
  for (let at = wanted < 0 ? 3 : wanted; ; at--) { // a finer step where that leaves a single mark
    const step = power * (at < 0 ? 0.5 : nice[at]);
    const first = Math.ceil(low / step - 1e-9), last = Math.floor(high / step + 1e-9);
    if (last > first || at < 0) return Array.from({length: last - first + 1}, (_, i) => (first + i) * step);
  }
}

// The powers of ten within [low, high], with their doubles and halves where that is not too many.
export function logTicks(low, high, count) {
  const first = Math.floor(Math.log10(low)), last = Math.ceil(Math.log10(high));
  const powers = Array.from({length: last - first + 1}, (_, i) => 10 ** (first + i));
  const within = values => values.filter(value => value >= low && value <= high);
  const fine = within(powers.flatMap(power => [power, 2 * power, 5 * power]));
  if (fine.length <= 2) return ticks(low, high, count).filter(value => value > 0);
  if (fine.length <= 2 * count) return fine;
  const coarse = within(powers), every = Math.ceil(coarse.length / count);
  return coarse.filter((_, i) => i % every === 0);
}

export function number(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 1e6)) return value.toExponential(1).replace("e+", "e");
  if (size >= 1000) return Math.round(value).toLocaleString("en");
  return String(+value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 4));
}

// Below 1 % two digits that tell something: 0.031 %, not 0 %.
export function percent(share) {
  if (share === null || share === undefined) return "–";
  const value = 100 * share, size = Math.abs(value);
  if (size !== 0 && size < 0.001) return `${value.toExponential(1)} %`;
  return `${size < 1 ? +value.toPrecision(2) : +value.toFixed(1)} %`;
}

export function steps(value) {
  for (const [size, unit] of [[1e6, "M"], [1e3, "k"]]) {
    if (value >= size) return `${+(value / size).toFixed(value >= 10 * size ? 1 : 2)}${unit}`;
  }
  return String(Math.round(value));
}

export function span(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 36 * 3600) {
    const minutes = Math.round(seconds / 60);
    return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
  }
  return `${+(seconds / 86400).toFixed(1)} days`;
}

// 95 % interval of a share seen in `count` trials (Wilson 1927).
export function wilson(share, count) {
  const z = 1.959964, square = z * z;
  const middle = (share + square / (2 * count)) / (1 + square / count);
  const spread = Math.sqrt(share * (1 - share) / count + square / (4 * count * count));
  const half = z * spread / (1 + square / count);
  return [Math.max(0, middle - half), Math.min(1, middle + half)];
}

// Centred means, without delay: weights fall linearly to 0 at `reach` points away.
export function smoothed(values, reach) {
  return values.map((_, i) => {
    let sum = 0, weight = 0;
    for (let j = Math.max(0, i - reach + 1); j < Math.min(values.length, i + reach); j++) {
      const share = 1 - Math.abs(i - j) / reach;
      sum += share * values[j];
      weight += share;
    }
    return sum / weight;
  });
}

// At most four points for each of `columns` pixels, so that every peak stays: [x, y] pairs.
export function thinned(pairs, columns) {
  if (pairs.length <= 4 * columns) return pairs;
  const first = pairs[0][0], width = (pairs[pairs.length - 1][0] - first) / columns || 1;
  const kept = [];
  let bucket = [];
  const flush = () => {
    if (!bucket.length) return;
    let low = 0, high = 0;
    bucket.forEach((pair, i) => {
      if (pair[1] < bucket[low][1]) low = i;
      if (pair[1] > bucket[high][1]) high = i;
    });
    for (const i of [...new Set([0, low, high, bucket.length - 1])].sort((a, b) => a - b)) {
      kept.push(bucket[i]);
    }
    bucket = [];
  };
  let column = 0;
  for (const pair of pairs) {
    const here = Math.floor((pair[0] - first) / width);
    if (here !== column) { flush(); column = here; }
    bucket.push(pair);
  }
  flush();
  return kept;
}
