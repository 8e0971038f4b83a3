// Section 6.4: the context network, and the latents that it is for.

import { clampAll, conv } from './convolution.mjs';
import { decodeLatents } from './latent_symbols.mjs';
import { contextChannels } from './layers.mjs';
import { clampTo } from './structure.mjs';

/**
 * The stack of 6.4. own: the previous grid or the picture's own latents, coarser: a grid of level l + 1; null stands
 * for zeros. size: [h, w] of level l; coarserSize: of level l + 1.
 */
export function contextInput(c, l, own, coarser, size, coarserSize) {
  const channels = contextChannels(c, l);
  const [h, w] = size;
  const input = new Int32Array(channels.S * h * w);
  if (channels.own && own) for (let i = 0; i < own.length; i++) input[i] = own[i] * 256;
  if (channels.coarser && coarser) {
    let at = channels.own * h * w;
    for (let k = 0; k < channels.coarser; k++) {
      for (let y = 0; y < h; y++) {
        const row = (k * coarserSize[0] + (y >> 1)) * coarserSize[1];
        for (let x = 0; x < w; x++) input[at++] = coarser[row + (x >> 1)] * 256;
      }
    }
  }
  return clampAll(input);
}

/** output of 6.4, (2 L, h, w). */
function contextOutput(layers, input, [h, w], kind) {
  if (!layers.context_hidden) return conv(layers.context_output, input, h, w, kind);
  const hidden = clampAll(conv(layers.context_hidden, input, h, w, kind));
  const both = new Int32Array(hidden.length + input.length);
  both.set(hidden);
  both.set(input, hidden.length);
  return conv(layers.context_output, both, h, w, kind);
}

/** Decodes the latents q[places] as one array. q is (L, h, w); places are ascending, null for all. */
export function readLatents(d, layers, input, size, kind, q, places) {
  const output = contextOutput(layers, input, size, kind);
  const count = places ? places.length : q.length;
  const mean8 = new Int16Array(count);
  const scale_index = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const at = places ? places[i] : i;
    mean8[i] = clampTo(output[at], -1016, 1016);
    scale_index[i] = clampTo(((output[q.length + at] + 1) >> 1) + 16, 0, 39);
  }
  const latents = decodeLatents(d, mean8, scale_index);
  for (let i = 0; i < count; i++) q[places ? places[i] : i] = latents[i];
}
