// Section 6.16: the adaptive filter, of a picture's luma at scale 1.

import { ceilShift, clampTo, planeSizes } from './structure.mjs';
import { codedBlocks } from './transform.mjs';

const SIDE = 4; // of a block, in samples
const MARGIN = 4; // so far beyond a plane its blocks and their neighbours reach, and filters less
const LEVELS_FROM = [192, 384, 768, 1536]; // the least activity of levels 1..4
/** By t: (dy, dx), and where a block is transposed U[t]. */
const PAIRS = [[0, 1], [0, 2], [0, 3], [1, -2], [1, -1], [1, 0], [1, 1], [1, 2], [2, -1], [2, 0], [2, 1], [3, 0]];
const TRANSPOSED = [5, 9, 11, 8, 4, 0, 6, 10, 3, 1, 7, 2];

/**
 * Changes luma in place. coefficients: of each plane (coefficients.mjs), null where all are 0; filter: its coefficients
 * by class; whole: filter_whole_flag.
 */
export function filterAdaptively(sequence, s, planes, coefficients, filter, whole) {
  if (s > 0) return;
  const [[rows, columns]] = planeSizes(sequence, s);
  filterPlane({ samples: planes[0], rows, columns }, sequence.bit_depth, coefficients[0], filter, whole);
}

export function filterPlane(plane, B, coefficients, filter, whole) {
  if (!whole && !coefficients) return;
  const coded = whole ? null : codedBlocks(coefficients, 8);
  const source = widened(plane);
  const offsets = PAIRS.map(([dy, dx]) => dy * source.stride + dx);
  const exchanged = filter.map((F) => TRANSPOSED.map((t) => F[t])); // where a block is transposed
  const { activities, columns } = activitiesOf(source);
  activities.forEach((sums, b) => {
    const [i, j] = [Math.floor(b / columns), b % columns];
    if (coded && !coded[(i >> 1) * coefficients.columns + (j >> 1)]) return;
    const { number, transposed } = classOf(sums, B);
    const k = (transposed ? exchanged : filter)[number];
    filterBlock(plane, source, SIDE * i, SIDE * j, k, offsets, 2 ** B - 1);
  });
}

/** class of 6.16 as number, and transposed, of a block's [V_s, H_s]. */
export function classOf([V, H], B) {
  const activity = (V + H) >> (B - 8);
  const level = LEVELS_FROM.filter((least) => least <= activity).length;
  const [more, less] = [Math.max(V, H), Math.min(V, H)];
  const direction = more > 3 * less ? 2 : 2 * more > 3 * less ? 1 : 0;
  return { number: 3 * level + direction, transposed: V > H };
}

/** v(y, x) of a plane, at (y + MARGIN) * stride + x + MARGIN of samples. */
export function widened({ samples, rows, columns }) {
  const stride = columns + 2 * MARGIN;
  const wide = new Int32Array((rows + 2 * MARGIN) * stride);
  for (let y = 0, at = 0; y < rows + 2 * MARGIN; y++) {
    const row = clampTo(y - MARGIN, 0, rows - 1) * columns;
    for (let x = 0; x < stride; x++) wide[at++] = samples[row + clampTo(x - MARGIN, 0, columns - 1)];
  }
  return { samples: wide, rows, columns, stride };
}

/** {activities, rows, columns} of a widened plane's blocks: [V_s, H_s] of each. */
export function activitiesOf(source) {
  const rows = ceilShift(source.rows, 2);
  const columns = ceilShift(source.columns, 2);
  const sums = [];
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) sums.push(blockSums(source, SIDE * i, SIDE * j));
  const at = (i, j) => sums[clampTo(i, 0, rows - 1) * columns + clampTo(j, 0, columns - 1)];
  const activities = sums.map((own, b) => {
    const [i, j] = [Math.floor(b / columns), b % columns];
    const around = [at(i - 1, j), at(i + 1, j), at(i, j - 1), at(i, j + 1)];
    return own.map((sum, c) => around.reduce((total, other) => total + other[c], 4 * sum));
  });
  return { activities, rows, columns };
}

/** [V_b, H_b] of the block at (top, left). */
function blockSums({ samples, stride }, top, left) {
  let [V, H] = [0, 0];
  for (let y = top; y < top + SIDE; y++) {
    for (let x = left, at = (y + MARGIN) * stride + x + MARGIN; x < left + SIDE; x++, at++) {
      V += Math.abs(2 * samples[at] - samples[at - stride] - samples[at + stride]);
      H += Math.abs(2 * samples[at] - samples[at - 1] - samples[at + 1]);
    }
  }
  return [V, H];
}

/** k: by t; the pair of samples of t is at offsets[t] and -offsets[t]. */
function filterBlock(plane, { samples, stride }, top, left, k, offsets, most) {
  const { rows, columns } = plane;
  for (let y = top; y < Math.min(top + SIDE, rows); y++) {
    for (let x = left; x < Math.min(left + SIDE, columns); x++) {
      const at = (y + MARGIN) * stride + x + MARGIN;
      let sum = 64;
      for (let t = 0; t < k.length; t++) {
        sum += k[t] * (samples[at + offsets[t]] + samples[at - offsets[t]] - 2 * samples[at]);
      }
      plane.samples[y * columns + x] = clampTo(samples[at] + (sum >> 7), 0, most);
    }
  }
}
