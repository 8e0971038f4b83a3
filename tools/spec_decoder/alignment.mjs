// Section 6.11: a reference's planes displaced by a field.

import { CHROMA_SHIFTS, clampTo, half, planeSizes } from './structure.mjs';

const TAPS = [[0, 32, 0, 0], [-2, 27, 8, -1], [-2, 18, 18, -2], [-1, 8, 27, -2]];

/** The planes of a reference at scale 1/2^s, displaced by `field`. */
export function alignPlanes(sequence, s, planes, field) {
  const most = 2 ** sequence.bit_depth - 1;
  return planeSizes(sequence, s).map(([rows, columns], i) => {
    const [sub_y, sub_x] = i === 0 ? [0, 0] : CHROMA_SHIFTS[sequence.chroma_format];
    const plane = { samples: planes[i], rows, columns, most };
    if (field.stepped) return { samples: alignBlocks(plane, field, s + sub_y, s + sub_x), rows, columns };
    const vertical = axisNodes(rows, s + sub_y, field.rows, field.b);
    const horizontal = axisNodes(columns, s + sub_x, field.columns, field.b);
    return { samples: alignPlane(plane, field, vertical, horizontal), rows, columns };
  });
}

/** For each position of an axis: i, i' and t of 6.11, and the shift of its vector component. */
function axisNodes(count, e, nodes, b) {
  const N = 2 ** (b + 1);
  const [first, second, t] = [new Int32Array(count), new Int32Array(count), new Int32Array(count)];
  for (let y = 0; y < count; y++) {
    const Q = clampTo(((2 * y + 1) << e) - 2 ** b, 0, (nodes - 1) * N);
    first[y] = Q >> (b + 1);
    second[y] = Math.min(first[y] + 1, nodes - 1);
    t[y] = Q - first[y] * N;
  }
  return { first, second, t, N, shift: 2 * b + 2 + e };
}

function alignPlane(plane, { vectors, columns: nodeColumns }, vertical, horizontal) {
  const { rows, columns } = plane;
  const out = new Int32Array(rows * columns);
  const { N } = vertical;
  const [halfY, halfX] = [half(vertical.shift), half(horizontal.shift)];
  const blended = new Int32Array(2 * nodeColumns); // the nodes' vectors, blended between two rows
  for (let y = 0, at = 0; y < rows; y++) {
    const upper = 2 * vertical.first[y] * nodeColumns;
    const lower = 2 * vertical.second[y] * nodeColumns;
    const ty = vertical.t[y];
    for (let n = 0; n < blended.length; n++) blended[n] = (N - ty) * vectors[upper + n] + ty * vectors[lower + n];
    for (let x = 0; x < columns; x++) {
      const j = 2 * horizontal.first[x];
      const k = 2 * horizontal.second[x];
      const tx = horizontal.t[x];
      const dy = ((N - tx) * blended[j] + tx * blended[k] + halfY) >> vertical.shift;
      const dx = ((N - tx) * blended[j + 1] + tx * blended[k + 1] + halfX) >> horizontal.shift;
      out[at++] = interpolate(plane, 4 * y + dy, 4 * x + dx);
    }
  }
  return out;
}

/** With stepped_flag 1: each sample has the vector of the block that holds its first luma sample. */
function alignBlocks(plane, field, e_y, e_x) {
  const out = new Int32Array(plane.rows * plane.columns);
  for (let y = 0, at = 0; y < plane.rows; y++) {
    for (let x = 0; x < plane.columns; x++) {
      const [dy, dx] = blockVector(field, y, x, e_y, e_x);
      out[at++] = interpolate(plane, 4 * y + dy, 4 * x + dx);
    }
  }
  return out;
}

/** (d_y, d_x) of 6.11 where stepped_flag is 1. */
export function blockVector({ vectors, columns, b }, y, x, e_y, e_x) {
  const at = 2 * (((y << e_y) >> b) * columns + ((x << e_x) >> b));
  return [(vectors[at] + half(e_y)) >> e_y, (vectors[at + 1] + half(e_x)) >> e_x];
}

/** The sample at quarter position (qy, qx). */
export function interpolate(plane, qy, qx) {
  const { samples, rows, columns, most } = plane;
  const [r, fy, c, fx] = [qy >> 2, qy & 3, qx >> 2, qx & 3];
  if (fy === 0 && fx === 0) return samples[clampTo(r, 0, rows - 1) * columns + clampTo(c, 0, columns - 1)];
  const across = TAPS[fx];
  const c0 = clampTo(c - 1, 0, columns - 1), c1 = clampTo(c, 0, columns - 1);
  const c2 = clampTo(c + 1, 0, columns - 1), c3 = clampTo(c + 2, 0, columns - 1);
  const down = TAPS[fy];
  let sum = 32;
  for (let m = 0; m < 4; m++) {
    const row = clampTo(r + m - 1, 0, rows - 1) * columns;
    const g = across[0] * samples[row + c0] + across[1] * samples[row + c1]
      + across[2] * samples[row + c2] + across[3] * samples[row + c3];
    sum += down[m] * ((g + 8) >> 4);
  }
  return clampTo(sum >> 6, 0, most);
}
