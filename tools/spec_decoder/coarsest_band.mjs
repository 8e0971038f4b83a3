// Section 7.7: the coefficients q[0][0], level 3, from sparse blocks to dense ones.

import { readPredicted, size } from './predicted_values.mjs';

const SPARSE = 8; // rows and columns from block to block of pass 0
const SIDES = [[-1, 0], [1, 0], [0, -1], [0, 1]];
const CORNERS = [[-1, -1], [-1, 1], [1, -1], [1, 1]];

/** Decodes the band of level 3 into the plane's coefficients. tables: {bin, scale} of set, kind and level. */
export function readCoarsestBand(d, plane, tables) {
  const { rows, columns } = plane;
  const first = [];
  for (let y = 0; y < rows; y += SPARSE) {
    for (let x = 0; x < columns; x += SPARSE) first.push({ b: y * columns + x, p8: 0, flag: 0, value: 0 });
  }
  readPass(d, plane, tables, first);
  for (const g of [4, 2, 1]) {
    for (const offsets of [CORNERS, SIDES]) readPass(d, plane, tables, predictions(plane, g, offsets));
  }
}

/** Pass 2a + 1, with the corners as neighbours, or pass 2a + 2, with the sides: what is known of its blocks. */
function predictions({ rows, columns, q }, g, offsets) {
  const K = g > 1 ? 1 : 7;
  const found = [];
  for (let y = 0; y < rows; y += g) {
    for (let x = 0; x < columns; x += g) {
      const odd = ((y / g) & 1) + ((x / g) & 1);
      if (odd !== (offsets === CORNERS ? 2 : 1)) continue;
      const near = offsets.map(([i, j]) => [y + i * g, x + j * g])
        .filter(([i, j]) => i >= 0 && i < rows && j >= 0 && j < columns)
        .map(([i, j]) => q[i * columns + j]);
      const N = near.length;
      const sum = near.reduce((a, n) => a + n, 0);
      const magnitude = near.reduce((a, n) => a + Math.abs(n), 0);
      found.push({
        b: y * columns + x,
        p8: Math.floor((16 * sum + N) / (2 * N)),
        flag: K + size(Math.floor((4 * magnitude) / N), 5),
        value: K + size(Math.max(...near) - Math.min(...near), 5),
      });
    }
  }
  return found;
}

/** blocks: {b, p8, flag, value}, the last two being contexts, in ascending order of b. */
function readPass(d, { q }, { bin, scale }, blocks) {
  const symbols = d.decodeArray(blocks.map(({ flag }) => bin[flag]));
  const coded = blocks.filter((_, i) => symbols[i]);
  const values = readPredicted(d, coded.map(({ p8 }) => p8), coded.map(({ value }) => scale[value]));
  coded.forEach(({ b }, i) => (q[b] = values[i]));
}
