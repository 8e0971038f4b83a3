// Sections 6.12, 7.7 and 7.12: what both codings of a level's band of coefficients have.

export const COARSEST = 3;

/** By level: the band's frequencies 8 * u + v, ascending, and its diagonals {group, frequencies}. */
export const BANDS = [0, 1, 2, 3].map((l) => {
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

/** val: the table of a value_scale_index. */
export const valueTable = (scale) => 5 * scale + 4;

/** What a symbol, or a latent, stands for where a coefficient is known not to be 0. */
export const valueOf = (symbol) => (symbol > 0 ? symbol : symbol - 1);

/** By block, the sum of the magnitudes in the bands of these levels. */
export function magnitudes({ blocks, q }, ...levels) {
  const sums = new Int32Array(blocks);
  for (const l of levels) {
    for (const f of BANDS[l].frequencies) {
      for (let b = 0, at = f * blocks; b < blocks; b++, at++) sums[b] += Math.abs(q[at]);
    }
  }
  return sums;
}

/** For each block, how many of its neighbours inside the plane have a value above 0. */
export function countNeighbours({ rows, columns, blocks }, values) {
  const counts = new Int32Array(blocks);
  for (let y = 0, b = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++, b++) {
      counts[b] = (y > 0 && values[b - columns] > 0) + (y + 1 < rows && values[b + columns] > 0)
        + (x > 0 && values[b - 1] > 0) + (x + 1 < columns && values[b + 1] > 0);
    }
  }
  return counts;
}

/** The passes "flags, even" and "flags, odd": flag by block. Tables by b, and by b and near(b). */
export function readFlags(d, plane, evenTable, oddTable) {
  const flags = new Uint8Array(plane.blocks);
  readParity(d, plane, flags, 0, evenTable);
  const near = countNeighbours(plane, flags);
  readParity(d, plane, flags, 1, (b) => oddTable(b, Math.min(near[b], 3)));
  return flags;
}

function readParity(d, { columns, blocks }, flags, parity, tableOf) {
  const places = [];
  for (let b = 0; b < blocks; b++) if (((((b / columns) | 0) + b % columns) & 1) === parity) places.push(b);
  const symbols = d.decodeArray(Uint16Array.from(places, tableOf));
  places.forEach((b, i) => (flags[b] = symbols[i] ? 1 : 0));
}

/** The blocks with flag 1. */
export function flagged(flags) {
  const blocks = [];
  for (let b = 0; b < flags.length; b++) if (flags[b]) blocks.push(b);
  return blocks;
}

/** The passes of significance, one for each diagonal: q is 1 where a coefficient is. bin: from group 0 on. */
export function readSignificance(d, l, { blocks, q }, coded, bin) {
  for (const { group, frequencies } of BANDS[l].diagonals) {
    const tables = new Uint16Array(frequencies.length * coded.length);
    let i = 0;
    for (const f of frequencies) {
      const starts = neighbouringFrequencies(f).map((n) => n * blocks);
      for (const b of coded) {
        let count = 0;
        for (const start of starts) if (q[start + b]) count++;
        tables[i++] = bin[4 * group + count];
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

/** The pass of values: of the significant coefficients of the coded blocks. Tables by f and b. */
export function readValues(d, l, { blocks, q }, coded, tableOf) {
  const places = [];
  const tables = [];
  for (const f of BANDS[l].frequencies) {
    for (const b of coded) {
      if (!q[f * blocks + b]) continue;
      places.push(f * blocks + b);
      tables.push(tableOf(f, b));
    }
  }
  const symbols = d.decodeArray(tables);
  places.forEach((at, i) => (q[at] = valueOf(symbols[i])));
}
