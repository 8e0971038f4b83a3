// Section 6.11, interpolation: the sample of a plane at quarter position (qy, qx), by four or by eight taps.

import { clampTo } from './structure.mjs';

const FOUR = [[0, 32, 0, 0], [-2, 27, 8, -1], [-2, 18, 18, -2], [-1, 8, 27, -2]];
const EIGHT = [
  [0, 0, 0, 64, 0, 0, 0, 0],
  [-1, 4, -10, 58, 17, -5, 1, 0],
  [-1, 4, -11, 40, 40, -11, 4, -1],
  [0, 1, -5, 17, 58, -10, 4, -1],
];

/** plane: {samples, rows, columns, most}, as for eightTaps. */
export function fourTaps({ samples, rows, columns, most }, qy, qx) {
  const [r, fy, c, fx] = [qy >> 2, qy & 3, qx >> 2, qx & 3];
  if (fy === 0 && fx === 0) return samples[clampTo(r, 0, rows - 1) * columns + clampTo(c, 0, columns - 1)];
  const across = FOUR[fx];
  const c0 = clampTo(c - 1, 0, columns - 1), c1 = clampTo(c, 0, columns - 1);
  const c2 = clampTo(c + 1, 0, columns - 1), c3 = clampTo(c + 2, 0, columns - 1);
  const down = FOUR[fy];
  let sum = 32;
  for (let m = 0; m < 4; m++) {
    const row = clampTo(r + m - 1, 0, rows - 1) * columns;
    const g = across[0] * samples[row + c0] + across[1] * samples[row + c1]
      + across[2] * samples[row + c2] + across[3] * samples[row + c3];
    sum += down[m] * ((g + 8) >> 4);
  }
  return clampTo(sum >> 6, 0, most);
}

const places = new Int32Array(8); // of a call of eightTaps: its columns

export function eightTaps({ samples, rows, columns, most }, qy, qx) {
  const [r, fy, c, fx] = [qy >> 2, qy & 3, qx >> 2, qx & 3];
  if (fy === 0 && fx === 0) return samples[clampTo(r, 0, rows - 1) * columns + clampTo(c, 0, columns - 1)];
  const [across, down] = [EIGHT[fx], EIGHT[fy]];
  const margin = (most + 1) >> 3;
  for (let n = 0; n < 8; n++) places[n] = clampTo(c + n - 3, 0, columns - 1);
  let sum = 64;
  for (let m = 0; m < 8; m++) {
    if (down[m] === 0) continue;
    const row = clampTo(r + m - 3, 0, rows - 1) * columns;
    let g = 16;
    for (let n = 0; n < 8; n++) g += across[n] * samples[row + places[n]];
    sum += down[m] * clampTo(g >> 5, -margin, 2 * (most + 1) + margin);
  }
  return clampTo(sum >> 7, 0, most);
}
