// Section 7.10: blocks of a field that are split in four, and the vectors of their parts.

import { ceilShift, clampTo } from './structure.mjs';

export const SPLIT_CONTEXTS = 15;
const [ANOTHER, NEW, VERTICAL] = [9, 11, 14]; // first contexts of arrays 2, 3 and 4; NEW has none for n = 0

/**
 * The field that root becomes, {rows, columns, b, vectors}, b being fine_log2. root: likewise, its b being block_log2.
 * tables: {split, value}: the numbers of the tables by context, and of the table of new vectors.
 */
export function splitField(d, { height, width }, root, fine_log2, tables) {
  let v = root;
  let asked = Array.from({ length: root.rows * root.columns }, (_, block) => block);
  for (let a = root.b; a > fine_log2; a--) {
    const finer = { b: a - 1, rows: ceilShift(height, a - 1), columns: ceilShift(width, a - 1) };
    finer.vectors = inherited(v, finer);
    const split = readSplit(d, v, a, asked, tables);
    asked = partsOf(split, v, finer);
    readVectors(d, v, finer, asked, tables);
    v = finer;
  }
  return v;
}

/** For each block of the finer field, its block's vector. */
function inherited(v, { rows, columns }) {
  const vectors = new Int32Array(2 * rows * columns);
  for (let i = 0, at = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const from = 2 * ((i >> 1) * v.columns + (j >> 1));
      vectors[at++] = v.vectors[from];
      vectors[at++] = v.vectors[from + 1];
    }
  }
  return vectors;
}

/** Array 1: which of the blocks in question are split, as a set of numbers. */
function readSplit(d, v, a, blocks, tables) {
  const symbols = d.decodeArray(blocks.map((block) => tables.split[3 * (a - 4) + classOf(v, block)]));
  return new Set(blocks.filter((_, n) => symbols[n] !== 0));
}

function classOf({ rows, columns, vectors }, block) {
  const [r, s] = [Math.floor(block / columns), block % columns];
  let spread = 0;
  for (const [y, x] of [[r - 1, s], [r + 1, s], [r, s - 1], [r, s + 1]]) {
    if (y < 0 || y >= rows || x < 0 || x >= columns) continue;
    for (let c = 0; c < 2; c++) {
      spread = Math.max(spread, Math.abs(vectors[2 * block + c] - vectors[2 * (y * columns + x) + c]));
    }
  }
  return spread === 0 ? 0 : spread <= 8 ? 1 : 2;
}

/** Numbers of the parts of split blocks, ascending. */
function partsOf(split, v, { rows, columns }) {
  const parts = [];
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) if (split.has((i >> 1) * v.columns + (j >> 1))) parts.push(i * columns + j);
  }
  return parts;
}

/** Arrays 2 to 5: the vectors of the parts. */
function readVectors(d, v, finer, numbers, tables) {
  const parts = numbers.map((part) => ({ part, ...offeredTo(v, Math.floor(part / finer.columns), part % finer.columns) }));
  const yes = (asked, context) => {
    const symbols = d.decodeArray(asked.map((p) => tables.split[context(p)]));
    return asked.filter((_, n) => symbols[n] !== 0);
  };
  const moved = yes(parts, ({ offers }) => ANOTHER + offers.length);
  const made = new Set(yes(moved.filter(({ offers }) => offers.length), ({ offers }) => NEW + offers.length));
  for (const p of moved) if (p.offers.length === 0) made.add(p);
  const taken = moved.filter((p) => !made.has(p));
  const vertical = new Set(yes(taken.filter(({ offers }) => offers.length === 2), () => VERTICAL));
  for (const p of taken) finer.vectors.set(p.offers[vertical.has(p) ? 1 : 0], 2 * p.part);
  const fresh = moved.filter((p) => made.has(p));
  const symbols = d.decodeArray(new Array(2 * fresh.length).fill(tables.value));
  fresh.forEach(({ part, own }, n) => {
    for (let c = 0; c < 2; c++) finer.vectors[2 * part + c] = clampTo(own[c] + symbols[2 * n + c], -1024, 1023);
  });
}

const differ = (a, b) => a[0] !== b[0] || a[1] !== b[1];

/** {own, offers} of part (i, j): o of 7.10, and beside and vertical, if they are offered. */
function offeredTo({ rows, columns, vectors }, i, j) {
  const [r, s] = [i >> 1, j >> 1];
  const at = (y, x) => vectors.subarray(2 * (y * columns + x), 2 * (y * columns + x) + 2);
  const own = at(r, s);
  const x = j & 1 ? s + 1 : s - 1;
  const y = i & 1 ? r + 1 : r - 1;
  const beside = x >= 0 && x < columns ? at(r, x) : own;
  const vertical = y >= 0 && y < rows ? at(y, s) : own;
  const offers = [];
  if (differ(beside, own)) offers.push(beside);
  if (differ(vertical, own) && differ(vertical, beside)) offers.push(vertical);
  return { own, offers };
}
