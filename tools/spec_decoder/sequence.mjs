// Section 5.1: the SEQUENCE unit and its model configurations.

import { SEQUENCE } from './container.mjs';
import { HeaderError, ValueError } from './errors.mjs';
import { MAX_LATENTS, MAX_PICTURES, MAX_SIDE } from './limits.mjs';
import { LEVELS, levelSize } from './structure.mjs';

export const GRID = 'grid';
export const INTRA = 'intra';
export const INTER = 'inter';
export const [GRID_PROFILE, MOTION_PROFILE, HYBRID_PROFILE] = [0, 1, 2];

/** Of each profile: roles of its configurations, and the least version_minor (3.7). */
const PROFILES = [
  { name: 'grid', roles: [GRID], minor: 0 },
  { name: 'motion', roles: [INTRA, INTER], minor: 3 },
  { name: 'hybrid', roles: [INTER], minor: 5 },
];

/** anyVersion: also where section 3.7 refuses the profile's version_minor; for base models (5.3.2). */
export function readSequence(container, { anyVersion = false } = {}) {
  const r = container.read(SEQUENCE);
  const q = {};
  q.width = r.u('width', 16, 1, MAX_SIDE);
  q.height = r.u('height', 16, 1, MAX_SIDE);
  q.chroma_format = r.u('chroma_format', 2);
  q.bit_depth = r.u('bit_depth', 4, 8, 12);
  if (q.bit_depth % 2) throw new ValueError(`${r.what}: bit_depth is ${q.bit_depth}, allowed are 8, 10, 12`);
  q.frame_rate_num = r.u('frame_rate_num', 32, 1);
  q.frame_rate_den = r.u('frame_rate_den', 32, 1);
  q.picture_count = r.u('picture_count', 32, 1, MAX_PICTURES);
  q.segment_count = r.u('segment_count', 16, 1, q.picture_count);
  q.profile = r.u('profile', 4, 0, PROFILES.length - 1);
  const { name, roles, minor } = PROFILES[q.profile];
  if (container.version_minor < minor && !anyVersion) {
    const version = `0.${container.version_minor}`;
    throw new HeaderError(`${name} profile of version ${version}; this decoder knows it from 0.${minor} on`);
  }
  readVideoUsability(r, q);
  q.configurations = roles.map((role) => readConfiguration(r, role, q.profile));
  r.end();
  for (const c of q.configurations) checkLatents(r.what, q, c);
  return q;
}

function readVideoUsability(r, q) {
  q.full_range_flag = r.flag('full_range_flag');
  q.colour_primaries = q.transfer_characteristics = q.matrix_coefficients = 2;
  if (r.flag('colour_description_present_flag')) {
    q.colour_primaries = r.u('colour_primaries', 8);
    q.transfer_characteristics = r.u('transfer_characteristics', 8);
    q.matrix_coefficients = r.u('matrix_coefficients', 8);
  }
  if (r.flag('pixel_aspect_present_flag')) {
    q.par_num = r.u('par_num', 16, 1);
    q.par_den = r.u('par_den', 16, 1);
  }
}

const BASE_MODELS = [[0], [0, 2], [0, 3, 4]]; // by profile

/** 5.1.1 */
function readConfiguration(r, role, profile) {
  const c = { role };
  const levels = ['features', 'branch', 'grid_channels', 'gop_grid_flag', 'temporal_stride_log2', 'window_flag',
    'context_hidden'];
  for (const name of levels) c[name] = new Array(LEVELS).fill(0);
  for (let l = LEVELS - 1; l >= 0; l--) {
    c.features[l] = r.u(`features[${l}]`, 6, 1);
    c.branch[l] = r.u(`branch[${l}]`, 6);
    c.grid_channels[l] = r.u(`grid_channels[${l}]`, 5, ...gridChannelRange(l, profile));
    if (c.grid_channels[l] === 0) continue;
    if (role === GRID) {
      c.gop_grid_flag[l] = r.flag('gop_grid_flag');
      c.temporal_stride_log2[l] = r.u('temporal_stride_log2', 2);
      c.window_flag[l] = r.flag('window_flag');
    }
    c.context_hidden[l] = r.u(`context_hidden[${l}]`, 5);
  }
  c.window_length = role === GRID ? r.u('window_length', 4, 1, 8) : 1;
  c.fusion_count = r.u('fusion_count', 2, 1);
  c.picture_skip_flag = r.flag('picture_skip_flag');
  c.context_previous_flag = role === GRID ? r.flag('context_previous_flag') : 0;
  c.context_coarser_flag = r.flag('context_coarser_flag');
  c.context_neighbours_flag = role === GRID ? 0 : r.flag('context_neighbours_flag');
  c.step_rows = role === INTER ? r.u('step_rows', 4, 1, 8) : 1;
  c.base_model = r.u('base_model', 8);
  const allowed = BASE_MODELS[profile];
  if (!allowed.includes(c.base_model)) {
    throw new ValueError(`${r.what}: base_model is ${c.base_model}, allowed are ${allowed.join(', ')}`);
  }
  r.u('reserved_flags', 8, 0, 0);
  return c;
}

function gridChannelRange(l, profile) {
  if (profile === HYBRID_PROFILE) return l === LEVELS - 1 ? [1, 1] : [0, 0];
  return [l === LEVELS - 1 ? 1 : 0, 31];
}

/** The cap on a picture's latents (3.6). */
function checkLatents(what, sequence, c) {
  let latents = 0;
  for (let l = 0; l < LEVELS; l++) {
    const [rows, columns] = levelSize(sequence, l);
    latents += c.grid_channels[l] * rows * columns;
  }
  if (latents > MAX_LATENTS) throw new ValueError(`${what}: ${latents} latents a picture, allowed are ${MAX_LATENTS}`);
}
