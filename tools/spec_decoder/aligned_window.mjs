// Section 6.8: what the inter network sees of a picture's references.

import { pack } from './packed.mjs';
import { ceilShift } from './structure.mjs';

const FINEST_WITHOUT_WINDOW = 4;
const GREY = 2048;

/** Y_l for l = s..3, by level. aligned: for each reference its aligned planes {samples, rows, columns}. */
export function alignedWindow(sequence, s, aligned) {
  const Y = [];
  let references = aligned.map((planes) => planes.map((plane) => widen(plane, 12 - sequence.bit_depth)));
  for (let l = s; l < FINEST_WITHOUT_WINDOW; l++) {
    if (l > s) references = references.map((planes) => planes.map(halve));
    const K = references.map((planes) => pack(sequence, l, planes, GREY));
    Y[l] = new Int32Array(2 * K[0].length);
    Y[l].set(K[0]);
    if (K[1]) for (let i = 0; i < K[1].length; i++) Y[l][K[0].length + i] = K[1][i] - K[0][i];
  }
  return Y;
}

function widen({ samples, ...size }, shift) {
  return { samples: samples.map((sample) => sample << shift), ...size };
}

function halve({ samples, rows, columns }) {
  const half = { rows: ceilShift(rows, 1), columns: ceilShift(columns, 1) };
  half.samples = new Int32Array(half.rows * half.columns);
  for (let y = 0, at = 0; y < half.rows; y++) {
    const upper = 2 * y * columns;
    const lower = Math.min(2 * y + 1, rows - 1) * columns;
    for (let x = 0; x < half.columns; x++) {
      const left = 2 * x;
      const right = Math.min(left + 1, columns - 1);
      const sum = samples[upper + left] + samples[upper + right] + samples[lower + left] + samples[lower + right];
      half.samples[at++] = (sum + 2) >> 2;
    }
  }
  return half;
}
