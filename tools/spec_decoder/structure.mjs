// Section 4: sizes, temporal grids, coding order.

export const LEVELS = 5;

/** 2^n-fold reduction that rounds up. */
export const ceilShift = (a, n) => (a + 2 ** n - 1) >> n;
/** half(n) of 2.2 */
export const half = (n) => (n ? 2 ** (n - 1) : 0);
export const clampTo = (a, low, high) => (a < low ? low : a > high ? high : a);

/** 4.2: (h_l, w_l). */
export function levelSize({ width, height }, l) {
  return [ceilShift(height, l + 1), ceilShift(width, l + 1)];
}

/** Log2 of luma to chroma rows and columns, by chroma_format (4.2, 6.11). */
export const CHROMA_SHIFTS = [null, [1, 1], [0, 1], [0, 0]];

/** 4.2: [rows, columns] of each plane at scale 1/2^s. */
export function planeSizes({ width, height, chroma_format }, s) {
  const luma = [ceilShift(height, s), ceilShift(width, s)];
  if (chroma_format === 0) return [luma];
  const [sub_y, sub_x] = CHROMA_SHIFTS[chroma_format];
  const chroma = [ceilShift(luma[0], sub_y), ceilShift(luma[1], sub_x)];
  return [luma, chroma, chroma];
}

/** 6.5: {first, R, Q} of each plane of a packed picture. */
export function planePhases(chroma_format) {
  const planes = [{ first: 0, R: 2, Q: 2 }];
  if (chroma_format === 0) return planes;
  const [sub_y, sub_x] = CHROMA_SHIFTS[chroma_format];
  const [R, Q] = [2 - sub_y, 2 - sub_x];
  planes.push({ first: 4, R, Q }, { first: 4 + R * Q, R, Q });
  return planes;
}

/** P of 6.5. */
export const packedChannels = (chroma_format) => [4, 6, 8, 12][chroma_format];

/** 4.3: N, for a GoP of G pictures and k = temporal_stride_log2. */
export const temporalGridCount = (G, k) => ceilShift(G - 1, k) + 1;

/** 4.3: the interpolation of picture p, pairs (grid, part). */
export function interpolation(p, k) {
  const j = p >> k;
  const r = p - (j << k);
  if (r === 0) return [[j, 8]];
  const right = (r * 8) >> k;
  return [[j, 8 - right], [j + 1, right]];
}

/** 4.3: the number of the coarser level's grid at the moment of temporal grid j. */
export const coarserGrid = (j, k, k_coarser, G) => Math.min(j << k, G - 1) >> k_coarser;

/** 4.4.2: pictures {number, references, depth} in coding order. */
export function codingOrder(G, open) {
  const before = open ? -1 : 0;
  const order = open ? [] : [{ number: 0, references: [], depth: 0 }];
  if (G - 1 > before) order.push({ number: G - 1, references: [before], depth: 0 });
  const gaps = [[before, G - 1, 1]];
  for (let i = 0; i < gaps.length; i++) {
    const [left, right, depth] = gaps[i];
    if (right - left <= 1) continue;
    const middle = (left + right) >> 1;
    order.push({ number: middle, references: [left, right], depth });
    gaps.push([left, middle, depth + 1], [middle, right, depth + 1]);
  }
  return order;
}

/** 4.4.2: the row of quantisation steps and of context biases of a picture. */
export function pictureRow({ number, references, depth }, step_rows) {
  if (depth === 0 || step_rows === 1) return 0;
  const distance = Math.max(...references.map((reference) => Math.abs(number - reference)));
  return Math.max(1, step_rows - 1 - (31 - Math.clz32(distance)));
}
