// Sections 5.8, 6.10 and 7.6: MOTION units, the vector fields of a GoP's pictures. Splits are in splits.mjs.

import { Coder } from './ans.mjs';
import { MOTION } from './container.mjs';
import { ValueError } from './errors.mjs';
import { MAX_NODES } from './limits.mjs';
import { HYBRID_PROFILE } from './sequence.mjs';
import { splitField } from './splits.mjs';
import { ceilShift, clampTo } from './structure.mjs';
import { FIRST_BINARY_TABLE } from './tables.mjs';
import { SPLIT_DEFAULTS, SPLIT_SCALE_DEFAULT, VECTOR_SCALE_DEFAULTS } from './vector_tables.mjs';

const CONTEXTS = 26;

/** As readMotion, for any GoP; anchor: {planes, fields} of picture -1, or null. */
export function readFields(container, sequence, gop, order, anchor) {
  if (!order.some(({ references }) => references.length)) return new Map();
  return readMotion(container, sequence, gop, order, anchor?.fields ?? null);
}

/**
 * The fields of a GoP: a map from a picture's number to [{vectors, rows, columns, b, stepped, towards, root}, ...], one per
 * reference. vectors is (rows, columns, 2); b is fine_log2 of 5.8; towards is the reference's number; root is a field as
 * it is before splits. anchor: the fields of picture -1, or null.
 */
export function readMotion(container, sequence, gop, order, anchor) {
  const r = container.read(MOTION, gop.segment, gop.number);
  const header = readMotionHeader(r, sequence, order);
  const d = new Coder(r.rest(), r.what);
  const fields = decodeFields(d, sequence, header, order, anchor);
  d.endCheck();
  return fields;
}

const movingOf = (order) => order.filter(({ references }) => references.length);

/** The fields of 5.8: {pictures, vector_scale_index, splitTables}. */
export function readMotionHeader(r, sequence, order) {
  const hybrid = sequence.profile === HYBRID_PROFILE;
  const pictures = movingOf(order).map(({ references }, i) => readPictureHeader(r, i, references, hybrid));
  const splitTables = pictures.some(({ split_depth }) => split_depth > 0) ? readSplitTables(r) : null;
  const vector_scale_index = [];
  for (let c = 0; c < CONTEXTS; c++) {
    const name = `vector_scale_index[${c}]`;
    vector_scale_index.push(hybrid ? readCustom(r, name, 39, VECTOR_SCALE_DEFAULTS[c]) : r.u(name, 6, 0, 39));
  }
  r.align();
  checkNodes(r.what, sequence, pictures);
  return { pictures, vector_scale_index, splitTables };
}

/** As readMotion, of the header's values and a coder. */
export function decodeFields(d, sequence, { pictures, vector_scale_index, splitTables }, order, anchor) {
  const fields = new Map(anchor ? [[-1, anchor]] : []);
  movingOf(order).forEach((picture, i) => {
    const known = [];
    fields.set(picture.number, known);
    picture.references.forEach((towards, k) => {
      const { b, fine_log2, stepped, global_vectors } = pictures[i];
      const shape = { rows: ceilShift(sequence.height, b), columns: ceilShift(sequence.width, b), b };
      const vectors = global_vectors[k] ? constant(shape, global_vectors[k]) : baseField(picture, k, fields, shape);
      addDifferences(vectors, readDifferences(d, shape, k, vector_scale_index));
      const root = { ...shape, vectors };
      known.push({ ...splitField(d, sequence, root, fine_log2, splitTables), stepped, towards, root });
    });
  });
  fields.delete(-1);
  return fields;
}

function readPictureHeader(r, i, references, hybrid) {
  const b = r.u(`block_log2_minus3[${i}]`, 2) + 3;
  const stepped = hybrid ? r.flag(`stepped_flag[${i}]`) : 0;
  const split_depth = stepped ? r.u(`split_depth[${i}]`, 2, 0, b - 3) : 0;
  const global_vectors = references.map((_, k) => {
    if (r.flag(`derived_flag[${i}][${k}]`)) return null;
    return [0, 1].map((c) => r.u(`global_vector[${i}][${k}][${c}]`, 11) - 1024);
  });
  return { b, stepped, split_depth, fine_log2: b - split_depth, global_vectors };
}

/** Numbers of tables: {split, value}, as splitField takes them. */
function readSplitTables(r) {
  const split = SPLIT_DEFAULTS.map((own, c) => FIRST_BINARY_TABLE + readCustom(r, `split_table[${c}]`, 63, own));
  return { split, value: 5 * readCustom(r, 'split_scale_index', 39, SPLIT_SCALE_DEFAULT) };
}

function readCustom(r, name, high, fallback) {
  return r.flag(`custom_${name}`) ? r.u(name, 6, 0, high) : fallback;
}

/** The cap on the nodes of a GoP (3.6). */
function checkNodes(what, { width, height }, headers) {
  let nodes = 0;
  for (const { fine_log2, global_vectors } of headers) {
    nodes += global_vectors.length * ceilShift(height, fine_log2) * ceilShift(width, fine_log2);
  }
  if (nodes > MAX_NODES) throw new ValueError(`${what}: ${nodes} nodes in its fields, allowed are ${MAX_NODES}`);
}

function constant({ rows, columns }, [row, column]) {
  const vectors = new Int32Array(rows * columns * 2);
  for (let i = 0; i < vectors.length; i += 2) {
    vectors[i] = row;
    vectors[i + 1] = column;
  }
  return vectors;
}

function addDifferences(vectors, delta) {
  for (let i = 0; i < vectors.length; i++) vectors[i] = clampTo(vectors[i] + delta[i], -1024, 1023);
}

/** base(p, k) of 6.10. shape: of the field to be made. */
function baseField({ number: p, references }, k, fields, shape) {
  const field = (picture, towards) => fields.get(picture)?.find((f) => f.towards === towards);
  if (k === 1) {
    const [e, l] = references;
    return scale(fields.get(p)[0].root.vectors, p - l, p - e);
  }
  if (references.length === 2) {
    const [e, l] = references;
    const backward = field(l, e);
    if (backward) return scale(resample(backward, shape), p - e, l - e);
    const forward = field(e, l);
    if (forward) return scale(resample(forward, shape), e - p, l - e);
  } else {
    const [e] = references;
    const before = fields.get(e)?.[0];
    if (before) return scale(resample(before, shape), p - e, e - before.towards);
  }
  return constant(shape, [0, 0]);
}

export function scale(vectors, n, d) {
  return vectors.map((v) => clampTo(Math.floor((2 * v * n + d) / (2 * d)), -1024, 1023));
}

export function resample(f, { rows, columns, b }) {
  const node = (i, count) => Math.min(((2 * i + 1) << b) >> (f.b + 1), count - 1);
  const vectors = new Int32Array(rows * columns * 2);
  for (let y = 0, at = 0; y < rows; y++) {
    const row = node(y, f.rows) * f.columns;
    for (let x = 0; x < columns; x++) {
      const from = 2 * (row + node(x, f.columns));
      vectors[at++] = f.vectors[from];
      vectors[at++] = f.vectors[from + 1];
    }
  }
  return vectors;
}

/** The passes of 7.6: {a, g, rows: [first, step], columns: [first, step], neighbours}. */
const PASSES = [{ a: 0, rows: [0, 8], columns: [0, 8], neighbours: [] }];
for (let a = 0; a < 3; a++) {
  const g = 4 >> a;
  const [vertical, horizontal] = [[[-g, 0], [g, 0]], [[0, -g], [0, g]]];
  PASSES.push(
    { a, rows: [g, 2 * g], columns: [0, 2 * g], neighbours: vertical },
    { a, rows: [0, 2 * g], columns: [g, 2 * g], neighbours: horizontal },
    { a, rows: [g, 2 * g], columns: [g, 2 * g], neighbours: [...vertical, ...horizontal] },
  );
}

/** delta of a field towards reference k, (rows, columns, 2). */
function readDifferences(d, shape, k, vector_scale_index) {
  const delta = new Int32Array(shape.rows * shape.columns * 2);
  for (const pass of PASSES) readPass(d, shape, k, vector_scale_index, pass, delta);
  return delta;
}

function readPass(d, shape, k, vector_scale_index, pass, delta) {
  const places = [];
  const predictions = [];
  const tables = [];
  for (let y = pass.rows[0]; y < shape.rows; y += pass.rows[1]) {
    for (let x = pass.columns[0]; x < shape.columns; x += pass.columns[1]) {
      const found = neighboursOf(shape, pass, delta, y, x);
      const table = 5 * vector_scale_index[contextOf(pass, found, k)];
      for (let c = 0; c < 2; c++) {
        places.push(2 * (y * shape.columns + x) + c);
        predictions.push(predictionOf(found, c));
        tables.push(table);
      }
    }
  }
  const symbols = d.decodeArray(tables);
  for (let i = 0; i < places.length; i++) delta[places[i]] = predictions[i] + symbols[i];
}

/** Places in delta of the neighbours that lie inside the field. */
function neighboursOf({ rows, columns }, { neighbours }, delta, y, x) {
  const found = [[], []];
  for (const [dy, dx] of neighbours) {
    const [row, column] = [y + dy, x + dx];
    if (row < 0 || row >= rows || column < 0 || column >= columns) continue;
    const at = 2 * (row * columns + column);
    found[0].push(delta[at]);
    found[1].push(delta[at + 1]);
  }
  return found;
}

function predictionOf(found, c) {
  const N = found[c].length;
  if (N === 0) return 0; // pass 0
  const sum = found[c].reduce((total, value) => total + value, 0);
  return Math.floor((2 * sum + N) / (2 * N));
}

function contextOf({ a, neighbours }, found, k) {
  if (neighbours.length === 0) return 13 * k;
  let group = 1;
  if (found[0].length > 1) {
    const spread = Math.max(...found.map((values) => Math.max(...values) - Math.min(...values)));
    group = spread === 0 ? 0 : spread <= 2 ? 1 : spread <= 6 ? 2 : 3;
  }
  return 13 * k + 1 + 4 * a + group;
}
