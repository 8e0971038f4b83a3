// Section 6.11: a reference's planes displaced by a field.

import { CHROMA_SHIFTS, clampTo, half, planeSizes } from './structure.mjs';

/**
 * The planes of a reference at scale 1/2^s, displaced by `field`. exact: at exact positions, else at vectors rounded to
 * quarter samples of each plane. interpolate: the file's (interpolation.mjs).
 */
export function alignPlanes(sequence, s, planes, field, { exact, interpolate }) {
  const most = 2 ** sequence.bit_depth - 1;
  return planeSizes(sequence, s).map(([rows, columns], i) => {
    const [sub_y, sub_x] = i === 0 ? [0, 0] : CHROMA_SHIFTS[sequence.chroma_format];
    const plane = { samples: planes[i], rows, columns, most, interpolate };
    const vertical = axisOf(s + sub_y, exact);
    const horizontal = axisOf(s + sub_x, exact);
    const align = field.stepped ? alignBlocks : alignNodes;
    return { samples: align(plane, field, vertical, horizontal), rows, columns };
  });
}

/** e of 6.11: so many bits of a vector are below quarter samples of the plane. It loses `round` of them, keeps `keep`. */
export const axisOf = (e, exact) => ({ e, round: exact ? 0 : e, keep: exact ? e : 0 });

/** For each position of an axis: i, i' and t of 6.11, and the shift of its vector component. */
function axisNodes(count, { e, round }, nodes, b) {
  const N = 2 ** (b + 1);
  const [first, second, t] = [new Int32Array(count), new Int32Array(count), new Int32Array(count)];
  for (let y = 0; y < count; y++) {
    const Q = clampTo(((2 * y + 1) << e) - 2 ** b, 0, (nodes - 1) * N);
    first[y] = Q >> (b + 1);
    second[y] = Math.min(first[y] + 1, nodes - 1);
    t[y] = Q - first[y] * N;
  }
  return { first, second, t, N, shift: 2 * b + 2 + round };
}

/** With stepped_flag 0: vectors are interpolated between nodes. */
function alignNodes(plane, field, verticalAxis, horizontalAxis) {
  const { rows, columns } = plane;
  const { vectors, columns: nodeColumns, b } = field;
  const vertical = axisNodes(rows, verticalAxis, field.rows, b);
  const horizontal = axisNodes(columns, horizontalAxis, nodeColumns, b);
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
      const wy = ((N - tx) * blended[j] + tx * blended[k] + halfY) >> vertical.shift;
      const wx = ((N - tx) * blended[j + 1] + tx * blended[k + 1] + halfX) >> horizontal.shift;
      out[at++] = displaced(plane, y, x, wy, wx, verticalAxis.keep, horizontalAxis.keep);
    }
  }
  return out;
}

/** With stepped_flag 1: each sample has the vector of the block that holds its first luma sample. */
function alignBlocks(plane, field, vertical, horizontal) {
  const out = new Int32Array(plane.rows * plane.columns);
  for (let y = 0, at = 0; y < plane.rows; y++) {
    for (let x = 0; x < plane.columns; x++) {
      const [wy, wx] = blockVector(field, y, x, vertical, horizontal);
      out[at++] = displaced(plane, y, x, wy, wx, vertical.keep, horizontal.keep);
    }
  }
  return out;
}

const roundedBy = (n, v) => (v + half(n)) >> n;

/** (w_y, w_x) of 6.11 where stepped_flag is 1; (d_y, d_x) on axes that keep nothing. */
export function blockVector({ vectors, columns, b }, y, x, vertical, horizontal) {
  const at = 2 * (((y << vertical.e) >> b) * columns + ((x << horizontal.e) >> b));
  return [roundedBy(vertical.round, vectors[at]), roundedBy(horizontal.round, vectors[at + 1])];
}

/** aligned[y][x] for a vector in quarters of a sample of the plane, over 2^e_y and 2^e_x. */
export function displaced(plane, y, x, wy, wx, e_y, e_x) {
  const [qy, ty] = [4 * y + (wy >> e_y), wy & (2 ** e_y - 1)];
  const [qx, tx] = [4 * x + (wx >> e_x), wx & (2 ** e_x - 1)];
  const upper = blendAcross(plane, qy, qx, tx, e_x);
  const lower = ty ? blendAcross(plane, qy + 1, qx, tx, e_x) : upper;
  const e = e_y + e_x;
  return (upper * 2 ** e_y + (lower - upper) * ty + half(e)) >> e;
}

/** u_m of 6.11 */
function blendAcross(plane, qy, qx, tx, e_x) {
  const left = plane.interpolate(plane, qy, qx);
  return left * 2 ** e_x + (tx ? (plane.interpolate(plane, qy, qx + 1) - left) * tx : 0);
}
