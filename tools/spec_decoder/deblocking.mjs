// Section 6.15: deblocking, of a picture's samples at scales 1 and 1/2.

import { clampTo, planeSizes } from './structure.mjs';
import { codedBlocks, stepOf } from './transform.mjs';

const COARSEST_SCALE = 1; // s of the last scale that is filtered

/** Changes the planes in place. coefficients: of each plane (coefficients.mjs), null where all are 0. */
export function deblock(sequence, s, planes, coefficients, qp) {
  if (s > COARSEST_SCALE) return;
  const { bit_depth: B } = sequence;
  const t = stepOf(qp) >> (12 - B);
  planeSizes(sequence, s).forEach(([rows, columns], i) => {
    if (!coefficients[i]) return;
    const plane = { samples: planes[i], rows, columns, most: 2 ** B - 1 };
    deblockPlane(plane, coefficients[i], 8 >> s, t);
  });
}

export function deblockPlane(plane, coefficients, N, t) {
  const { samples, rows, columns, most } = plane;
  const coded = codedBlocks(coefficients, N);
  const isCoded = (y, x) => coded[Math.floor(y / N) * coefficients.columns + Math.floor(x / N)];
  const filter = edgeFilter(samples, t, most);
  for (let y = 0; y < rows; y++) {
    for (let x = N; x < columns; x += N) {
      if (!isCoded(y, x - 1) && !isCoded(y, x)) continue;
      const q0 = y * columns + x;
      filter(q0 - 2, q0 - 1, q0, x + 1 < columns ? q0 + 1 : q0);
    }
  }
  for (let y = N; y < rows; y += N) {
    for (let x = 0; x < columns; x++) {
      if (!isCoded(y - 1, x) && !isCoded(y, x)) continue;
      const q0 = y * columns + x;
      filter(q0 - 2 * columns, q0 - columns, q0, y + 1 < rows ? q0 + columns : q0);
    }
  }
}

/** filter(p1, p0, q0, q1) of 6.15, on places in samples. */
function edgeFilter(samples, t, most) {
  return (at_p1, at_p0, at_q0, at_q1) => {
    const [p1, p0, q0, q1] = [samples[at_p1], samples[at_p0], samples[at_q0], samples[at_q1]];
    if (Math.abs(q0 - p0) >= t || Math.abs(p1 - p0) >= t >> 1 || Math.abs(q1 - q0) >= t >> 1) return;
    const d = clampTo((4 * (q0 - p0) + (p1 - q1) + 4) >> 3, -(t >> 2), t >> 2);
    samples[at_p0] = clampTo(p0 + d, 0, most);
    samples[at_q0] = clampTo(q0 - d, 0, most);
  };
}
