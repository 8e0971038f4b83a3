// Section 6.9: masks and blending of the inter network.

import { levelSize, packedChannels } from './structure.mjs';

/** X_l from the aligned window Y (K, then D), the head's masks and the residual R, which it overwrites. */
export function blend(sequence, Y, masks, R, l) {
  const [h, w] = levelSize(sequence, l);
  const size = h * w;
  const P = packedChannels(sequence.chroma_format);
  for (let c = 0; c < P; c++) {
    const mask = c < 4 ? 0 : size;
    for (let p = 0, at = c * size; p < size; p++, at++) {
      let m = 128 + (masks[mask + p] >> 2);
      m = m < 0 ? 0 : m > 256 ? 256 : m;
      const x = Y[at] + ((m * Y[P * size + at] + 128) >> 8) + R[at];
      R[at] = x > 4095 ? 4095 : x < -4095 ? -4095 : x;
    }
  }
  return R;
}
