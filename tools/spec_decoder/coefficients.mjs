// Section 7.7: the coefficients of a level's band in a plane.

const COARSEST = 3;

/** By level: the band's frequencies 8 * u + v, ascending, and its diagonals {group, frequencies}. */
const BANDS = [0, 1, 2, 3].map((l) => {
  const [low, high] = l === COARSEST ? [0, 0] : [2 ** (2 - l), 2 ** (3 - l) - 1];
  const frequencies = [];
  for (let f = 0; f < 64; f++) {
    const most = Math.max(f >> 3, f & 7);
    if (most >= low && most <= high) frequencies.push(f);
  }
  const diagonals = [];
  for (let d = low; d <= 2 * high; d++) {
    diagonals.push({ group: groupOf(l, d), frequencies: frequencies.filter((f) => (f >> 3) + (f & 7) === d) });
  }
  return { frequencies, diagonals };
});

function groupOf(l, d) {
  if (l === 2) return d - 1;
  if (l === 1) return Math.min(d - 2, 3);
  return d <= 5 ? 0 : d <= 7 ? 1 : d <= 10 ? 2 : 3;
}

/** A plane of rows x columns blocks, all 0. q[f * blocks + b] is block b's coefficient of frequency f = 8 * u + v. */
export function noCoefficients(rows, columns) {
  return { rows, columns, blocks: rows * columns, q: new Int16Array(64 * rows * columns) };
}

/** Decodes the band of level l into the plane's coefficients. tables: {bin, val} of set, kind and level. */
export function readBand(d, l, plane, { bin, val }) {
  const m = magnitudes(l, plane);
  const flags = readFlags(d, l, plane, m, bin);
  const coded = [];
  for (let b = 0; b < plane.blocks; b++) if (flags[b]) coded.push(b);
  if (!coded.length) return;
  if (l < COARSEST) readSignificance(d, l, plane, coded, bin);
  else for (const b of coded) plane.q[b] = 1;
  const classes = l < COARSEST
    ? m.map((sum) => (sum < 2 ? 0 : sum < 5 ? 1 : 2))
    : countNeighbours(plane, flags).map((count) => (count < 2 ? 0 : count === 2 ? 1 : 2));
  readValues(d, l, plane, coded, classes, val);
}

/** m(b): the sum of the magnitudes in coarser bands. */
function magnitudes(l, { blocks, q }) {
  const m = new Int32Array(blocks);
  for (let coarser = COARSEST; coarser > l; coarser--) {
    for (const f of BANDS[coarser].frequencies) {
      for (let b = 0, at = f * blocks; b < blocks; b++, at++) m[b] += Math.abs(q[at]);
    }
  }
  return m;
}

/** For each block, how many of its neighbours inside the plane have a value above 0. */
function countNeighbours({ rows, columns, blocks }, values) {
  const counts = new Int32Array(blocks);
  for (let y = 0, b = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++, b++) {
      counts[b] = (y > 0 && values[b - columns] > 0) + (y + 1 < rows && values[b + columns] > 0)
        + (x > 0 && values[b - 1] > 0) + (x + 1 < columns && values[b + 1] > 0);
    }
  }
  return counts;
}

/** Passes 1 and 2. */
function readFlags(d, l, plane, m, bin) {
  const FO = l === COARSEST ? 1 : 9;
  const own = (b) => Math.min(m[b], 2);
  const flags = new Uint8Array(plane.blocks);
  const act = countNeighbours(plane, m);
  readParity(d, plane, flags, 0, (b) => bin[3 * own(b) + Math.min(act[b], 2)]);
  const near = countNeighbours(plane, flags);
  readParity(d, plane, flags, 1, (b) => bin[FO + 4 * own(b) + Math.min(near[b], 3)]);
  return flags;
}

function readParity(d, { columns, blocks }, flags, parity, tableOf) {
  const places = [];
  for (let b = 0; b < blocks; b++) if (((((b / columns) | 0) + b % columns) & 1) === parity) places.push(b);
  const symbols = d.decodeArray(Uint16Array.from(places, tableOf));
  places.forEach((b, i) => (flags[b] = symbols[i] ? 1 : 0));
}

/** Pass 3 of each diagonal: q is 1 where a coefficient is significant. */
function readSignificance(d, l, { blocks, q }, coded, bin) {
  const FC = 21;
  for (const { group, frequencies } of BANDS[l].diagonals) {
    const tables = new Uint16Array(frequencies.length * coded.length);
    let i = 0;
    for (const f of frequencies) {
      const starts = neighbouringFrequencies(f).map((n) => n * blocks);
      for (const b of coded) {
        let count = 0;
        for (const start of starts) if (q[start + b]) count++;
        tables[i++] = bin[FC + 4 * group + count];
      }
    }
    const symbols = d.decodeArray(tables);
    i = 0;
    for (const f of frequencies) for (const b of coded) q[f * blocks + b] = symbols[i++] ? 1 : 0;
  }
}

/** (u-1, v), (u, v-1) and (u-1, v-1), those that there are. */
function neighbouringFrequencies(f) {
  const [u, v] = [f >> 3, f & 7];
  return [[u - 1, v], [u, v - 1], [u - 1, v - 1]].filter((n) => Math.min(...n) >= 0).map(([y, x]) => 8 * y + x);
}

/** Pass 4. */
function readValues(d, l, { blocks, q }, coded, classes, val) {
  const places = [];
  const tables = [];
  for (const f of BANDS[l].frequencies) {
    for (const b of coded) {
      if (!q[f * blocks + b]) continue;
      places.push(f * blocks + b);
      tables.push(val[classes[b]]);
    }
  }
  const symbols = d.decodeArray(tables);
  places.forEach((at, i) => (q[at] = symbols[i] > 0 ? symbols[i] : symbols[i] - 1));
}
