// Sections 7.9 and 7.11, 6.13 and 6.14: blocks of a picture that have a value each, their passes and their samples.

import { CHROMA_SHIFTS, ceilShift } from './structure.mjs';

const DIAGONAL = [[-1, -1], [-1, 1], [1, -1], [1, 1]];
const ADJACENT = [[-1, 0], [1, 0], [0, -1], [0, 1]];
/** By pass: the parities of its blocks' (row, column), their neighbours, and FIRST of 7.9 and 7.11. */
export const PASSES = [
  { parities: [[0, 0]], neighbours: [], first: 0 },
  { parities: [[1, 1]], neighbours: DIAGONAL, first: 1 },
  { parities: [[0, 1], [1, 0]], neighbours: ADJACENT, first: 6 },
];

/** {b, rows, columns, values} of a picture's blocks, 2^b x 2^b luma samples, all 0. size: choice_size or intra_size. */
export function noBlocks({ width, height }, size) {
  const b = 6 - size;
  const [rows, columns] = [ceilShift(height, b), ceilShift(width, b)];
  return { b, rows, columns, values: new Uint8Array(rows * columns) };
}

/** The numbers of a pass's blocks, ascending. */
export function blocksOf({ rows, columns }, { parities }) {
  const numbers = [];
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      if (parities.some(([row, column]) => (y & 1) === row && (x & 1) === column)) numbers.push(y * columns + x);
    }
  }
  return numbers;
}

/** How many of a block's neighbours have this value. */
export function countNeighbours({ rows, columns, values }, { neighbours }, block, value) {
  const [y, x] = [Math.floor(block / columns), block % columns];
  let count = 0;
  for (const [dy, dx] of neighbours) {
    const [row, column] = [y + dy, x + dx];
    if (row < 0 || row >= rows || column < 0 || column >= columns) continue;
    if (values[row * columns + column] === value) count++;
  }
  return count;
}

/** For each sample of plane i at scale 1/2^s, the value of its block: of the one that holds its first luma sample. */
export function valuesOfSamples({ chroma_format }, s, i, { b, columns: blockColumns, values }, { rows, columns }) {
  const [e_y, e_x] = (i === 0 ? [0, 0] : CHROMA_SHIFTS[chroma_format]).map((sub) => s + sub);
  const found = new Uint8Array(rows * columns);
  for (let y = 0, at = 0; y < rows; y++) {
    const row = ((y << e_y) >> b) * blockColumns;
    for (let x = 0; x < columns; x++) found[at++] = values[row + ((x << e_x) >> b)];
  }
  return found;
}
