// Sections 7.9 and 6.13: choices of a picture's blocks between its two references.

import { CHROMA_SHIFTS, ceilShift } from './structure.mjs';

const [ONLY_0, ONLY_1] = [1, 2]; // reference 0 alone, reference 1 alone; 0 is the mean of both

const DIAGONAL = [[-1, -1], [-1, 1], [1, -1], [1, 1]];
const ADJACENT = [[-1, 0], [1, 0], [0, -1], [0, 1]];
/** By pass: the parities of its blocks' (row, column), their neighbours, and FIRST of 7.9. */
const PASSES = [
  { parities: [[0, 0]], neighbours: [], first: 0 },
  { parities: [[1, 1]], neighbours: DIAGONAL, first: 1 },
  { parities: [[0, 1], [1, 0]], neighbours: ADJACENT, first: 6 },
];
const SIDE_TABLE = 12; // where neighbours are even; the tables beside it: where one reference is ahead

/** {b, rows, columns, choice} of a picture with choice_size > 0. tables: numbers of tables by c. */
export function readChoices(d, { width, height }, choice_size, tables) {
  const b = 6 - choice_size;
  const choices = { b, rows: ceilShift(height, b), columns: ceilShift(width, b) };
  choices.choice = new Uint8Array(choices.rows * choices.columns);
  for (const pass of PASSES) readPass(d, choices, pass, tables);
  return choices;
}

function readPass(d, choices, { parities, neighbours, first }, tables) {
  const { rows, columns, choice } = choices;
  const places = [];
  const counts = []; // of each place: [n_1, n_2]
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      if (!parities.some(([row, column]) => (y & 1) === row && (x & 1) === column)) continue;
      places.push(y * columns + x);
      counts.push(countNeighbours(choices, neighbours, y, x));
    }
  }
  const chosen = d.decodeArray(counts.map(([n1, n2]) => tables[first + n1 + n2]));
  const one = [...places.keys()].filter((i) => chosen[i]);
  const sides = d.decodeArray(one.map((i) => tables[SIDE_TABLE + Math.sign(counts[i][1] - counts[i][0])]));
  one.forEach((i, n) => (choice[places[i]] = sides[n] ? ONLY_1 : ONLY_0));
}

function countNeighbours({ rows, columns, choice }, neighbours, y, x) {
  const counts = [0, 0, 0]; // by choice
  for (const [dy, dx] of neighbours) {
    const [row, column] = [y + dy, x + dx];
    if (row >= 0 && row < rows && column >= 0 && column < columns) counts[choice[row * columns + column]]++;
  }
  return [counts[ONLY_0], counts[ONLY_1]];
}

/** 6.13: blocks that take one reference alone overwrite the other. references: aligned planes of both. */
export function applyChoices({ chroma_format }, s, { b, columns: blockColumns, choice }, [a0, a1]) {
  a0.forEach(({ samples, rows, columns }, i) => {
    const [e_y, e_x] = (i === 0 ? [0, 0] : CHROMA_SHIFTS[chroma_format]).map((sub) => s + sub);
    const other = a1[i].samples;
    for (let y = 0, at = 0; y < rows; y++) {
      const row = ((y << e_y) >> b) * blockColumns;
      for (let x = 0; x < columns; x++, at++) {
        const c = choice[row + ((x << e_x) >> b)];
        if (c === ONLY_0) other[at] = samples[at];
        else if (c === ONLY_1) samples[at] = other[at];
      }
    }
  });
}
