// Section 5.3.1: which layers a level has, in which order, and their shapes.

import { GRID, INTER } from './sequence.mjs';
import { packedChannels } from './structure.mjs';

/** M of 5.3.1. */
export function maskCount(role, chroma_format) {
  return role !== INTER ? 0 : chroma_format === 0 ? 1 : 2;
}

/** S of 5.3.1: channels that the context network of level l sees, and those of its parts (6.4). */
export function contextChannels(c, l) {
  const own = c.context_previous_flag || c.context_neighbours_flag ? c.grid_channels[l] : 0;
  const coarser = c.context_coarser_flag && l < 4 ? c.grid_channels[l + 1] : 0;
  return { own, coarser, S: Math.max(1, own + coarser) };
}

/** The layers of level l, [{name, in, out, K, kinds, leaky}]. */
export function levelLayers(c, l, chroma_format) {
  const P = packedChannels(chroma_format);
  const C = c.features[l];
  const B = c.branch[l];
  const L = c.grid_channels[l];
  const layers = [];
  const add = (name, inputs, out, K, leaky, kinds = 1) => layers.push({ name, in: inputs, out, K, leaky, kinds });
  if (L > 0) {
    const { S } = contextChannels(c, l);
    const hidden = c.context_hidden[l];
    const kinds = c.role === GRID ? 3 : c.step_rows;
    if (hidden > 0) add('context_hidden', S, hidden, 3, true, kinds);
    add('context_output', hidden + S, 2 * L, 1, false, kinds);
    add('embed', L, C, 3, true);
  }
  if (c.role === INTER && l < 4) add('window', 2 * P, C, 3, true);
  if (l < 4) add('up', c.features[l + 1], 4 * C, 1, false);
  if (B > 0) {
    for (let i = 0; i < c.fusion_count; i++) add(`branch ${i}`, i === 0 ? C : B, B, 3, true);
    add('fuse', c.fusion_count * B, C, 1, false);
  }
  if (l < 4) add('head', C, P + maskCount(c.role, chroma_format), 3, false);
  return layers;
}
