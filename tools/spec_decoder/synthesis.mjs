// Section 6.7: from embeddings and the aligned window to a packed picture.

import { blend } from './blend.mjs';
import { addClamped, clampAll, conv } from './convolution.mjs';
import { upsample } from './packed.mjs';
import { LEVELS, levelSize, packedChannels } from './structure.mjs';

/**
 * X_s. network: levels of 5.3 by number; E: embeddings by level, null where there is none; Y: aligned windows by
 * level, null for the grid and intra roles.
 */
export function synthesise(sequence, c, network, E, Y, s) {
  let F = null;
  let R = null;
  let masks = null;
  for (let l = LEVELS - 1; l >= s; l--) {
    const { layers } = network[l];
    F = levelFeatures(sequence, c, layers, l, E[l], Y?.[l], F);
    const [h, w] = levelSize(sequence, l);
    if (l === LEVELS - 1 || !(l === s || c.picture_skip_flag)) continue;
    const X = conv(layers.head, F, h, w);
    const size = packedChannels(sequence.chroma_format) * h * w;
    masks = X.subarray(size);
    const head = X.subarray(0, size);
    R = c.picture_skip_flag && l < 3 ? addClamped(head, upsample(sequence, R, l)) : clampAll(head);
  }
  return Y ? blend(sequence, Y[s], masks, R, s) : R;
}

/** F_l. */
function levelFeatures(sequence, c, layers, l, E, Y, coarser) {
  const [h, w] = levelSize(sequence, l);
  const parts = [];
  if (E) parts.push(conv(layers.embed, E, h, w));
  if (Y && l < 4) parts.push(conv(layers.window, Y, h, w));
  if (l < 4) parts.push(upFeatures(sequence, layers.up, l, coarser));
  let F = parts[0];
  for (const part of parts.slice(1)) F = addClamped(F, part);
  if (parts.length === 1) F = clampAll(F);
  return c.branch[l] > 0 ? featureBlock(c, layers, F, h, w) : F;
}

/** U: shuffle(conv(up, F_(l+1))). */
function upFeatures(sequence, up, l, coarser) {
  const [h, w] = levelSize(sequence, l);
  const [hCoarse, wCoarse] = levelSize(sequence, l + 1);
  const x = conv(up, coarser, hCoarse, wCoarse);
  const channels = up.out / 4;
  const U = new Int32Array(channels * h * w);
  for (let k = 0, at = 0; k < channels; k++) {
    for (let y = 0; y < h; y++) {
      const even = ((4 * k + 2 * (y & 1)) * hCoarse + (y >> 1)) * wCoarse;
      const odd = even + hCoarse * wCoarse;
      for (let i = 0; i < w; i++) U[at++] = x[(i & 1 ? odd : even) + (i >> 1)];
    }
  }
  return U;
}

/** The multi-scale feature block. */
function featureBlock(c, layers, F, h, w) {
  const size = layers.fuse.in / c.fusion_count * h * w;
  const all = new Int32Array(c.fusion_count * size);
  let Z = F;
  for (let i = 0; i < c.fusion_count; i++) {
    Z = clampAll(conv(layers[`branch ${i}`], Z, h, w));
    all.set(Z, i * size);
  }
  return addClamped(F, conv(layers.fuse, all, h, w));
}
