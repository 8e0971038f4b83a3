// Makes valid files of the hybrid profile, of numbers drawn by chance, for the tests and to compare decoders with. What
// a file holds is drawn from its seed; its words come from the decoder's own reading order, with a coder that invents
// symbols.

import { noCoefficients } from './bands.mjs';
import { anchorOf } from './chain.mjs';
import { readChoices } from './choices.mjs';
import { CHOICE_DEFAULTS, INTRA_DEFAULTS } from './coefficient_tables.mjs';
import { bandReader } from './coefficients.mjs';
import { CODED_LEVELS, MINOR_OF_PREDICTIONS, tableCounts } from './coefficient_counts.mjs';
import { MOTION, NETWORK, RESIDUAL, SEGMENT, SEQUENCE, TABLES } from './container.mjs';
import { checkBound } from './convolution.mjs';
import { decodeFields, readMotionHeader } from './fields.mjs';
import { DEFAULT_FILTER } from './filter_coefficients.mjs';
import { readIntra } from './intra.mjs';
import { levelLayers } from './layers.mjs';
import { setOf } from './residuals.mjs';
import { MINOR_OF_FILTERS, readResidualTables } from './residual_tables.mjs';
import { BitReader } from './bits.mjs';
import { HYBRID_PROFILE, INTER } from './sequence.mjs';
import { SPLIT_CONTEXTS } from './splits.mjs';
import { LEVELS, ceilShift, codingOrder, planeSizes } from './structure.mjs';
import { FIRST_BINARY_TABLE } from './tables.mjs';
import { encodeWords, file } from './test_files.mjs';

/** Numbers by chance from a seed: mulberry32. */
export class Chance {
  constructor(seed) {
    this.state = seed >>> 0;
  }

  /** 0 <= x < 1 */
  next() {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  int(low, high) {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  of(list) {
    return list[this.int(0, list.length - 1)];
  }

  flag(share = 0.5) {
    return this.next() < share ? 1 : 0;
  }
}

class BitWriter {
  constructor() {
    this.bits = [];
  }

  u(n, value) {
    for (let i = n - 1; i >= 0; i--) this.bits.push(Math.floor(value / 2 ** i) % 2);
    return value;
  }

  payload(words = []) {
    const bytes = new Array(ceilShift(this.bits.length, 3)).fill(0);
    this.bits.forEach((bit, i) => (bytes[i >> 3] |= bit << (7 - (i & 7))));
    return [...bytes, ...words];
  }
}

/** Stands in for a coder: draws the symbols and keeps them for encodeWords. */
class Inventor {
  constructor(chance) {
    this.chance = chance;
    this.arrays = [];
  }

  decodeArray(numbers) {
    const places = [...numbers.keys()].sort((a, b) => numbers[a] - numbers[b] || a - b);
    const symbols = new Int16Array(numbers.length);
    for (const at of places) {
      symbols[at] = this.symbol(numbers[at]);
      this.arrays.push({ number: numbers[at], symbols: [symbols[at]] });
    }
    return symbols;
  }

  symbol(number) {
    const { chance } = this;
    if (chance.flag(0.02)) return chance.int(-128, 127);
    if (number >= FIRST_BINARY_TABLE) return chance.flag(0.3);
    return Math.round((chance.next() - 0.5) * 4);
  }
}

function inventSequence(chance, wanted) {
  const q = {
    width: chance.of([1, 7, 16, 33, 50]), height: chance.of([1, 9, 16, 31, 70]),
    chroma_format: chance.int(0, 3), bit_depth: chance.of([8, 10, 12]), network: chance.flag(0.7),
    gops: [[chance.int(1, 4), 0], ...(chance.flag() ? [[chance.int(1, 5), chance.flag()]] : [])],
    deblocking: chance.flag(0.7), intra: chance.flag(0.7), minor: 9,
    ...wanted,
  };
  q.adaptive ??= q.minor >= MINOR_OF_FILTERS ? chance.flag(0.7) : 0;
  const w = new BitWriter();
  w.u(16, q.width), w.u(16, q.height), w.u(2, q.chroma_format), w.u(4, q.bit_depth), w.u(32, 25), w.u(32, 1);
  w.u(32, q.gops.reduce((sum, [length]) => sum + length, 0)), w.u(16, 1), w.u(4, 2), w.u(3, 0);
  const c = { role: INTER, features: [], branch: [], grid_channels: [0, 0, 0, 0, 1], context_hidden: [0, 0, 0, 0, 0] };
  for (let l = LEVELS - 1; l >= 0; l--) {
    c.features[l] = w.u(6, chance.int(1, 7));
    c.branch[l] = w.u(6, chance.of([0, 3]));
    w.u(5, c.grid_channels[l]);
    if (l === LEVELS - 1) c.context_hidden[l] = w.u(5, chance.of([0, 2]));
  }
  c.fusion_count = w.u(2, chance.int(1, 3));
  c.picture_skip_flag = w.u(1, chance.flag());
  c.context_coarser_flag = w.u(1, chance.flag());
  c.context_neighbours_flag = w.u(1, chance.flag());
  c.step_rows = w.u(4, chance.int(1, 8));
  w.u(16, 0);
  return { ...q, c, unit: unit(SEQUENCE, w.payload()) };
}

const unit = (type, payload, level = 0, gop = 0) => ({ type, segment: 0, gop, level, payload });

/** A unit of fields and words; `fields` is how many bytes the fields have. */
const codedUnit = (type, w, words, level, gop = 0) =>
  ({ ...unit(type, w.payload(words), level, gop), fields: w.payload().length });

function inventNetwork(chance, q, l) {
  const w = new BitWriter();
  const layers = levelLayers(q.c, l, q.chroma_format);
  const arrays = [];
  w.u(8, 2 * layers.length);
  for (const layer of layers) {
    const count = layer.in * layer.K * layer.K;
    const largest = Math.min(127, Math.floor(3500 / count));
    const weight = Array.from({ length: layer.out * count }, () => chance.int(-largest, largest));
    const bias = Array.from({ length: layer.kinds * layer.out }, () => chance.int(-128, 127));
    const shift = [chance.int(5, 9), chance.int(0, 8)];
    const n = layer.name === 'context_output' ? shift[0] + 5 : shift[0];
    checkBound({ ...layer, n, weight, bias: bias.map((b) => b << shift[1]) }, 'invented');
    [weight, bias].forEach((symbols, part) => {
      const scale = chance.int(16, 39);
      w.u(6, scale), w.u(4, shift[part]);
      arrays.push({ number: 5 * scale, symbols });
    });
  }
  for (let i = 0; i < q.c.step_rows * q.c.grid_channels[l]; i++) w.u(10, chance.int(1, 1023));
  return codedUnit(NETWORK, w, encodeWords(arrays), l);
}

function inventTables(chance, q) {
  const w = new BitWriter();
  w.u(1, q.network);
  for (let t = 0; t < 3; t++) {
    if (!w.u(1, chance.flag())) continue;
    for (let k = 0; k < (q.chroma_format ? 2 : 1); k++) {
      for (let l = 0; l < CODED_LEVELS; l++) inventLevelTables(chance, w, q.minor, l);
    }
  }
  inventBinaryTables(chance, w, CHOICE_DEFAULTS);
  if (q.minor >= 7) {
    w.u(1, q.deblocking);
    if (w.u(1, q.intra)) inventBinaryTables(chance, w, INTRA_DEFAULTS);
  }
  if (q.minor >= MINOR_OF_FILTERS && w.u(1, q.adaptive)) inventFilters(chance, w);
  return unit(TABLES, w.payload());
}

function inventFilters(chance, w) {
  const custom_filter_count = w.u(2, chance.int(0, 2));
  for (let n = 0; n < custom_filter_count; n++) {
    DEFAULT_FILTER.forEach((own) => {
      if (!w.u(1, chance.flag())) return;
      const width = w.u(3, chance.int(0, 7)) + 1;
      own.forEach(() => w.u(width, chance.int(0, 2 ** width - 1)));
    });
  }
}

/** The tables of choices or intra blocks. */
function inventBinaryTables(chance, w, defaults) {
  if (w.u(1, chance.flag())) defaults.forEach(() => w.u(1, chance.flag()) && w.u(6, chance.int(0, 63)));
}

function inventLevelTables(chance, w, minor, l) {
  if (minor >= MINOR_OF_PREDICTIONS && !w.u(1, chance.flag(0.8))) return;
  const { binary, value } = tableCounts(minor);
  for (let c = 0; c < binary[l]; c++) if (w.u(1, chance.flag())) w.u(6, chance.int(0, 63));
  for (let c = 0; c < value[l]; c++) if (w.u(1, chance.flag())) w.u(6, chance.int(0, 39));
}

/** The unit and the fields of a GoP; anchor: the fields of picture -1, or null. */
function inventMotion(chance, q, gop, order, anchor) {
  const w = new BitWriter();
  const depths = order.filter(({ references }) => references.length).map(({ references }) => {
    const block_log2_minus3 = w.u(2, chance.int(0, 3));
    const split_depth = w.u(1, chance.flag(0.8)) ? w.u(2, chance.int(0, block_log2_minus3)) : 0;
    for (let k = 0; k < references.length; k++) {
      if (!w.u(1, chance.flag())) w.u(11, chance.int(900, 1150)), w.u(11, chance.int(900, 1150));
    }
    return split_depth;
  });
  const custom = (high) => w.u(1, chance.flag(0.3)) && w.u(6, chance.int(0, high));
  if (depths.some((depth) => depth > 0)) {
    for (let c = 0; c < SPLIT_CONTEXTS; c++) custom(63);
    custom(39);
  }
  for (let c = 0; c < 26; c++) custom(39);
  const sequence = { ...q, profile: HYBRID_PROFILE };
  const header = readMotionHeader(new BitReader(Uint8Array.from(w.payload()), 'invented'), sequence, order);
  const inventor = new Inventor(chance);
  const fields = decodeFields(inventor, sequence, header, order, anchor);
  return { fields, unit: codedUnit(MOTION, w, encodeWords(inventor.arrays), 0, gop) };
}

function inventResiduals(chance, q, { deblocking_flag, intra_flag, sets, choice, intra, filters }, gop, order) {
  const w = [0, 1, 2, 3].map(() => new BitWriter());
  const choice_size = [];
  const intra_size = [];
  const residual_flag = order.map(({ references }, i) => {
    choice_size[i] = references.length === 2 ? w[3].u(2, chance.int(0, 3)) : 0;
    intra_size[i] = intra_flag && references.length ? w[3].u(2, chance.int(0, 3)) : 0;
    const network = q.network ? w[3].u(1, chance.flag()) : 0;
    const residual = w[3].u(1, chance.flag(0.7));
    if (deblocking_flag && residual) w[3].u(1, chance.flag(0.8));
    if (filters && w[3].u(2, chance.int(0, filters.length))) w[3].u(1, chance.flag());
    if (network || residual) w[3].u(6, chance.int(0, 63));
    return residual;
  });
  const hasLevel = [0, 0, 0, 1];
  for (let l = 2; l >= 0; l--) hasLevel[l] = w[3].u(1, residual_flag.includes(1) ? chance.flag(0.8) : 0);
  const sizes = planeSizes(q, 0);
  const plane_flag = [3, 2, 1, 0].map((l) => hasLevel[l] && order.map((_, i) =>
    sizes.map(() => (residual_flag[i] ? w[l].u(1, chance.flag(0.8)) : 0)))).reverse();
  const readBand = bandReader(q.minor);
  const inventors = w.map(() => new Inventor(chance));
  order.forEach((picture, i) => {
    if (choice_size[i]) readChoices(inventors[3], q, choice_size[i], choice);
    if (intra_size[i]) readIntra(inventors[3], q, intra_size[i], intra);
    sizes.forEach(([rows, columns], p) => {
      const plane = noCoefficients(ceilShift(rows, 3), ceilShift(columns, 3));
      for (let l = 3; l >= 0; l--) {
        if (hasLevel[l] && plane_flag[l][i][p]) readBand(inventors[l], l, plane, sets[setOf(picture)][p ? 1 : 0][l]);
      }
    });
  });
  const levels = [3, 2, 1, 0].filter((l) => hasLevel[l]);
  return levels.map((l) => codedUnit(RESIDUAL, w[l], encodeWords(inventors[l].arrays), l, gop));
}

/**
 * The units of an invented file. wanted: properties of the sequence that are not left to chance, and `minor`, the
 * version_minor of the file that they are for.
 */
export function inventUnits(seed, wanted = {}) {
  const chance = new Chance(seed);
  const q = inventSequence(chance, wanted);
  const w = new BitWriter();
  w.u(32, 0), w.u(32, q.gops.reduce((sum, [length]) => sum + length, 0)), w.u(16, q.gops.length);
  for (const [length] of q.gops) w.u(16, length);
  for (const [, open] of q.gops) w.u(1, open);
  const tables = inventTables(chance, q);
  const read = () => new BitReader(Uint8Array.from(tables.payload), 'invented');
  const container = { version_minor: q.minor, read };
  const numbers = readResidualTables(container, q, 0);
  const networks = q.network ? [4, 3, 2, 1, 0].map((l) => inventNetwork(chance, q, l)) : [];
  let anchor = null;
  const gops = q.gops.flatMap(([length, open], g) => {
    const order = codingOrder(length, open);
    const moves = order.some(({ references }) => references.length);
    const motion = moves ? inventMotion(chance, q, g, order, open ? anchor : null) : { fields: new Map() };
    anchor = anchorOf({ length }, new Map(), motion.fields).fields;
    return [...(moves ? [motion.unit] : []), ...inventResiduals(chance, q, numbers, g, order)];
  });
  return [q.unit, unit(SEGMENT, w.payload()), tables, ...networks, ...gops];
}

export const inventFile = (seed, wanted = {}) => file(inventUnits(seed, wanted), { minor: wanted.minor });
