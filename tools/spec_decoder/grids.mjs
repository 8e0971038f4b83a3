// Sections 5.4, 6.3 and 8.1, read_gop: GOP units of the grid profile, and embeddings of their grids.

import { Coder } from './ans.mjs';
import { GOP } from './container.mjs';
import { contextInput, readLatents } from './context.mjs';
import { ValueError } from './errors.mjs';
import { LEVELS, coarserGrid, interpolation, levelSize, temporalGridCount } from './structure.mjs';

const MAX_PARTS = 256;

/** The grids of levels 4 down to s of a GoP: by level {v, g, q: [temporal grids]}, or null. */
export function readGrids(container, sequence, network, gop, s) {
  const grids = new Array(LEVELS).fill(null);
  for (let l = LEVELS - 1; l >= s; l--) {
    if (sequence.configurations[0].grid_channels[l] > 0) {
      grids[l] = readLevel(container, sequence, network, gop, l, grids[l + 1] ?? null);
    }
  }
  return grids;
}

function readLevel(container, sequence, network, gop, l, coarser) {
  const c = sequence.configurations[0];
  const r = container.read(GOP, gop.segment, gop.number, l);
  r.u('picture_count', 16, gop.length, gop.length);
  const window_scale_index = c.window_flag[l] ? r.u('window_scale_index', 6, 0, 39) : 0;
  const d = new Coder(r.rest(), r.what);
  const level = { what: r.what, v: null, g: null, q: [] };
  if (c.window_flag[l]) level.v = readWindow(d, window_scale_index, gop.length, c.window_length);
  const read = (previous, coarse, kind) => readGrid(d, sequence, network, l, previous, coarse, kind);
  if (c.gop_grid_flag[l]) level.g = read(null, coarser?.g ?? null, 0);
  const k = c.temporal_stride_log2[l];
  for (let j = 0; j < temporalGridCount(gop.length, k); j++) {
    const coarse = coarser && coarser.q[coarserGrid(j, k, c.temporal_stride_log2[l + 1], gop.length)];
    level.q.push(read(level.q[j - 1] ?? null, coarse, j === 0 ? 1 : 2));
  }
  d.endCheck();
  return level;
}

/** v, (G, window_length): running sums of the coded differences. */
function readWindow(d, window_scale_index, G, window_length) {
  const v = Int8Array.from(d.decodeUniform(5 * window_scale_index, G * window_length));
  v[0] += 64; // v[-1] = (64, 0, ...)
  for (let i = window_length; i < v.length; i++) v[i] += v[i - window_length];
  return v;
}

function readGrid(d, sequence, network, l, previous, coarser, kind) {
  const c = sequence.configurations[0];
  const size = levelSize(sequence, l);
  const own = c.context_previous_flag ? previous : null;
  const input = contextInput(c, l, own, coarser, size, levelSize(sequence, l + 1));
  const q = new Int8Array(c.grid_channels[l] * size[0] * size[1]);
  readLatents(d, network[l].layers, input, size, kind, q, null);
  return q;
}

/** t_j of 6.3, pairs [j, t_j] that are not zero. */
function gridParts(c, level, l, p, G) {
  const k = c.temporal_stride_log2[l];
  const T = new Map();
  const I = level.v ? Math.min(c.window_length, G - p) : 1;
  for (let i = 0; i < I; i++) {
    const v = level.v ? level.v[p * c.window_length + i] : 64;
    for (const [j, part] of interpolation(p + i, k)) T.set(j, (T.get(j) ?? 0) + v * part);
  }
  const parts = [...T].map(([j, sum]) => [j, (sum + 4) >> 3]).filter(([, t]) => t !== 0);
  const total = parts.reduce((sum, [, t]) => sum + Math.abs(t), 0);
  if (total > MAX_PARTS) {
    throw new ValueError(`${level.what}: window weights of picture ${p} sum to ${total}, allowed are ${MAX_PARTS}`);
  }
  return parts;
}

/** E of level l for picture p of a GoP of G pictures (6.3). */
export function gridEmbedding(c, level, { step, gop_step }, l, p, G) {
  const E = new Int32Array(level.q[0].length).fill(32);
  const size = E.length / step.length;
  for (const [j, t] of gridParts(c, level, l, p, G)) addScaled(E, level.q[j], size, step, t);
  if (level.g) addScaled(E, level.g, size, gop_step, 64);
  for (let i = 0; i < E.length; i++) {
    const e = E[i] >> 6;
    E[i] = e > 4095 ? 4095 : e < -4095 ? -4095 : e;
  }
  return E;
}

function addScaled(E, q, size, step, t) {
  for (let c = 0, i = 0; c < step.length; c++) {
    const factor = t * step[c];
    for (const end = i + size; i < end; i++) E[i] += factor * q[i];
  }
}
