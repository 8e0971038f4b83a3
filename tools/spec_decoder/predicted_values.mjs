// Section 7.7: values near a prediction, which are not 0.

import { valueOf } from './bands.mjs';
import { decodeLatents } from './latent_symbols.mjs';
import { clampTo } from './structure.mjs';

/** x by its number of binary digits, at most n. */
export const size = (x, n) => Math.min(n, 32 - Math.clz32(x));

/** Decodes an array of values, from their predictions in eighths. scales: value_scale_index of each. */
export function readPredicted(d, p8, scales) {
  const mean8 = p8.map((p) => p + 4 - clampTo(p, -4, 4));
  return Array.from(decodeLatents(d, mean8, scales), valueOf);
}
