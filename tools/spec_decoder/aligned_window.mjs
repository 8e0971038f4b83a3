// Section 6.8: what the inter network sees of a picture's references.

import { pack } from './packed.mjs';
import { ceilShift } from './structure.mjs';

const FINEST_WITHOUT_WINDOW = 4;
const GREY = 2048;

/** Y_l for l = s..3, by level. references: for each its planes p_k,s, {samples, rows, columns}. */
export function alignedWindow(sequence, s, references) {
  const Y = [];
  for (let l = s; l < FINEST_WITHOUT_WINDOW; l++) {
    if (l > s) references = references.map((planes) => planes.map(halve));
    const K = references.map((planes) => pack(sequence, l, planes, GREY));
    Y[l] = windowOf(...K);
  }
  return Y;
}

/** (K_0, then D); K1 is absent with one reference. */
function windowOf(K0, K1) {
  const size = K0.length;
  const Y = new Int32Array(2 * size);
  Y.set(K0);
  if (K1) for (let i = 0; i < size; i++) Y[size + i] = K1[i] - K0[i];
  return Y;
}

/** a_k << (12 - B) of a plane. */
export function widen({ samples, ...size }, bit_depth) {
  const shift = 12 - bit_depth;
  const wide = new Int32Array(samples.length);
  for (let i = 0; i < wide.length; i++) wide[i] = samples[i] << shift;
  return { samples: wide, ...size };
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
