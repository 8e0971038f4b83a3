// The specification's own examples and check values, on literal numbers. node test_examples.mjs

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { activitiesOf, classOf, filterAdaptively, filterPlane, widened } from './adaptive_filter.mjs';
import { alignPlanes, axisOf, blockVector, displaced } from './alignment.mjs';
import { Coder } from './ans.mjs';
import { BitReader, readVarint } from './bits.mjs';
import { applyChoices, readChoices } from './choices.mjs';
import { noCoefficients } from './bands.mjs';
import { tableCounts } from './coefficient_counts.mjs';
import { CHOICE_DEFAULTS, DEFAULTS, DEFAULTS_OF_7, INTRA_DEFAULTS, ONES } from './coefficient_tables.mjs';
import { readBand } from './coefficients.mjs';
import { readBandOf7 } from './coefficients_of_7.mjs';
import { crc32c } from './crc32c.mjs';
import { deblock, deblockPlane } from './deblocking.mjs';
import { readMotion, readMotionHeader, resample, scale } from './fields.mjs';
import { DEFAULT_FILTER, readFilters } from './filter_coefficients.mjs';
import { gridEmbedding } from './grids.mjs';
import { eightTaps, fourTaps } from './interpolation.mjs';
import { fill, fillIntra, readIntra } from './intra.mjs';
import { upsample } from './packed.mjs';
import { readPredicted, size } from './predicted_values.mjs';
import { Sha256, hex, sha256 } from './sha256.mjs';
import { HYBRID_PROFILE, MOTION_PROFILE } from './sequence.mjs';
import { splitField } from './splits.mjs';
import { codingOrder } from './structure.mjs';
import { table } from './tables.mjs';
import { inverse, residual, stepOf } from './transform.mjs';
import { SPLIT_DEFAULTS, SPLIT_SCALE_DEFAULT, VECTOR_SCALE_DEFAULTS } from './vector_tables.mjs';

const bytes = (text) => Uint8Array.from(text.split(' '), (byte) => parseInt(byte, 16));
const ascii = (text) => Uint8Array.from(text, (c) => c.charCodeAt(0));

test('2.3: varint 300', () => assert.deepEqual(readVarint(bytes('AC 02'), 0), { value: 300, end: 2 }));

test('2.3: varints out of form', () => {
  const texts = ['80 00', '80', 'FF FF FF FF 1F', '80 80 80 80 80 01'];
  for (const text of texts) assert.equal(readVarint(bytes(text), 0), null);
});

test('2.3: fields of 32 bits that start within a byte', () => {
  const r = new BitReader(bytes('7F FF FF FF 80'), 'test');
  assert.equal(r.flag('one'), 0);
  assert.equal(r.u('all', 32), 2 ** 32 - 1);
});

test('3.3: CRC-32C, and a whole unit', () => {
  assert.equal(crc32c(ascii('123456789')), 0xe3069283);
  assert.equal(crc32c(bytes('02 00 00 00 0C 00 00 00 00 00 00 00 03 00 01 00 03')), 0xdb339e64);
});

test('FIPS 180-4: SHA-256, in one piece and in two', () => {
  const expected = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
  assert.equal(hex(sha256(ascii('abc'))), expected);
  assert.equal(hex(new Sha256().update(ascii('a')).update(ascii('bc')).digest()), expected);
});

test('4.4.2: coding orders', () => {
  const text = (order) => order.map((p) => `${p.number} (${p.references.join(', ')}) ${p.depth}`).join(', ');
  assert.equal(text(codingOrder(1, 0)), '0 () 0');
  assert.equal(text(codingOrder(1, 1)), '0 (-1) 0');
  const rest = '1 (0, 3) 2, 5 (3, 7) 2, 2 (1, 3) 3, 4 (3, 5) 3, 6 (5, 7) 3';
  assert.equal(text(codingOrder(8, 0)), `0 () 0, 7 (0) 0, 3 (0, 7) 1, ${rest}`);
  const open = '7 (-1) 0, 3 (-1, 7) 1, 1 (-1, 3) 2, 5 (3, 7) 2, 0 (-1, 1) 3, 2 (1, 3) 3, 4 (3, 5) 3, 6 (5, 7) 3';
  assert.equal(text(codingOrder(8, 1)), open);
});

/** The fields of 5.8's examples: two pictures with references, in a video of no size, whose fields have no node. */
function motionOf(text, profile) {
  const words = '01 00 00 00'; // of a unit without symbols
  const reader = () => new BitReader(bytes(`${text} ${words}`), 'MOTION unit');
  const order = [{ number: 2, references: [0] }, { number: 1, references: [0, 2] }];
  const sequence = { width: 0, height: 0, profile };
  const fields = readMotion({ read: reader }, sequence, { segment: 0, number: 0 }, order, null);
  const header = readMotionHeader(reader(), sequence, order);
  assert.deepEqual(header.pictures.map(({ global_vectors }) => global_vectors), [[[-1024, 1023]], [null, [0, -1]]]);
  return { fields, header };
}

test('5.8: the fields of a MOTION unit, profile 1', () => {
  const text = 'C0 03 FF 94 00 7F F3 80 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 02';
  const { fields, header } = motionOf(text, MOTION_PROFILE);
  assert.deepEqual(fields.get(2).map((f) => f.b), [6]);
  assert.deepEqual(fields.get(1).map((f) => f.b), [3, 3]);
  assert.deepEqual(header.vector_scale_index, [39, ...new Array(24).fill(0), 1]);
});

test('5.8: the fields of a MOTION unit, profile 2', () => {
  const { fields, header } = motionOf('F0 00 7F F1 40 07 FF FC 00 0C E0 00 00 08 20', HYBRID_PROFILE);
  assert.deepEqual(fields.get(2).map((f) => [f.b, f.root.b, f.stepped]), [[4, 6, 1]]);
  assert.deepEqual(fields.get(1).map((f) => [f.b, f.root.b, f.stepped]), [[3, 3, 0], [3, 3, 0]]);
  assert.deepEqual(header.vector_scale_index, [...VECTOR_SCALE_DEFAULTS.slice(0, 25), 1]);
  const [, ...others] = SPLIT_DEFAULTS;
  assert.deepEqual(header.splitTables, { split: [263, ...others.map((own) => 200 + own)], value: 5 * 39 });
});

test('6.3: the limit of the window weights', () => {
  const c = { temporal_stride_log2: [0], window_length: 2 };
  const level = (...v) => ({ what: 'GOP unit', v, g: null, q: [[2], [4]] });
  const network = { step: [64], gop_step: [] };
  assert.deepEqual([...gridEmbedding(c, level(64, 127, 0, 0), network, 0, 0, 2)], [2 * 64 + 4 * 127]);
  const three = { ...level(127, -128, 2), q: [[2], [4], [6]] };
  assert.throws(() => gridEmbedding({ ...c, window_length: 3 }, three, network, 0, 0, 3), /257/);
});

test('6.5: bilinear upsampling, 4:2:0', () => {
  const sequence = { width: 8, height: 8, chroma_format: 1 }; // level 0 is 4x4, level 1 2x2
  const tap = (channel, y, x) => {
    const picture = new Int32Array(6 * 4);
    picture[channel * 4 + y * 2 + x] = 16;
    return upsample(sequence, picture, 0);
  };
  const at = (out, channel, y, x) => out[channel * 16 + y * 4 + x];
  // channel 0, i = j = 0, at packed position (1, 1): row 2, column 2
  assert.deepEqual([tap(0, 1, 1), tap(1, 1, 0), tap(2, 0, 1), tap(3, 0, 0)].map((o) => at(o, 0, 2, 2)), [9, 3, 3, 1]);
  // channel 3, i = j = 1, at packed position (0, 0): row 1, column 1
  assert.deepEqual([tap(0, 1, 1), tap(1, 1, 0), tap(2, 0, 1), tap(3, 0, 0)].map((o) => at(o, 3, 1, 1)), [1, 3, 3, 9]);
  // channel 4, i = j = 1, at packed position (0, 0)
  assert.deepEqual([tap(4, 0, 0), tap(4, 0, 1), tap(4, 1, 0), tap(4, 1, 1)].map((o) => at(o, 4, 1, 1)), [9, 3, 3, 1]);
  // the edge rule: row -1 of a luma plane is its row 1
  assert.equal(at(tap(2, 0, 0), 0, 0, 0), 3);
});

test('6.10: scale and resample', () => {
  assert.deepEqual(scale([3, -3], -1, 2), [-1, 2]);
  assert.deepEqual(scale([7, -7], 3, 8), [3, -3]);
  const rows = (f, count, b) => [...resample(f, { rows: count, columns: 1, b })].filter((_, i) => i % 2 === 0);
  const vectors = (count) => Array.from({ length: 2 * count }, (_, i) => i >> 1);
  const field = (count, b) => ({ rows: count, columns: 1, b, vectors: vectors(count) });
  assert.deepEqual(rows(field(6, 3), 2, 5), [2, 5]);
  assert.deepEqual(rows(field(2, 5), 6, 3), [0, 0, 0, 0, 1, 1]);
  assert.deepEqual(rows(field(3, 4), 2, 5), [1, 2]);
});

/** Of a field of 3 x 1 or 1 x 1 blocks of 8 samples, for row y of column 0. */
const vectorOf = (vectors, y, e, exact) =>
  blockVector({ vectors, columns: 1, b: 3 }, y, 0, axisOf(e, exact), axisOf(e, exact));

test('6.11: stepped vectors', () => {
  const vectors = [-3, 6, 10, 20, 30, 40];
  assert.deepEqual([0, 3, 4].map((y) => vectorOf(vectors, y, 1, false)), [[-1, 3], [-1, 3], [5, 10]]);
  assert.deepEqual([0, 3, 4].map((y) => vectorOf(vectors, y, 1, true)), [[-3, 6], [-3, 6], [10, 20]]);
  const third = (v) => vectorOf([0, 0, 0, 0, ...v], 1, 4, false);
  assert.deepEqual([third([-3, 6]), third([-8, 8])], [[0, 0], [0, 1]]);
  assert.deepEqual(vectorOf([0, 0, 0, 0, -3, 6], 1, 4, true), [-3, 6]);
});

const samples = [10, 200, 30, 40, 50, 60, 255, 0, 90, 100, 110, 120];
const PLANE = { samples, rows: 3, columns: 4, most: 255, interpolate: fourTaps };

/** By (f_y, f_x), the samples at row f_y / 4, column 1 + f_x / 4. */
const phases = (interpolate) => [0, 1, 2, 3].map((fy) => [0, 1, 2, 3].map((fx) => interpolate(PLANE, fy, 4 + fx)));

test('6.11: interpolation', () => {
  assert.deepEqual(phases(fourTaps), [[200, 175, 127, 73], [168, 161, 139, 110], [128, 144, 155, 158], [88, 126, 168, 202]]);
});

test('6.11: eight taps', () => {
  assert.deepEqual(phases(eightTaps), [[200, 186, 138, 76], [169, 172, 154, 118], [125, 153, 175, 177], [84, 132, 189, 225]]);
  const row = { samples: [0, 255, 0, 0, 255, 255, 0, 0, 255, 0], rows: 1, columns: 10, most: 255 };
  assert.equal(eightTaps(row, 0, 4 * 4 + 2), 255);
});

test('6.11: eight taps, g is clamped at both ends', () => {
  // of 8x8 samples, all 0 but those of row 3, the one at row r + fy / 4, column 3 + 2/4
  const at = (samples, r, fy) => {
    const plane = [...run(3 * 8, 0), ...samples, ...run(4 * 8, 0)];
    return eightTaps({ samples: plane, rows: 8, columns: 8, most: 255 }, 4 * r + fy, 4 * 3 + 2);
  };
  // g = (16 - 24 * 255) >> 5 = -191, at least -32: (58 * -32 + 64) >> 7 is below 0; with -10, (320 + 64) >> 7 = 3
  const low = [255, 0, 255, 0, 0, 255, 0, 255];
  assert.deepEqual([at(low, 2, 3), at(low, 4, 1)], [0, 3]);
  // g = (16 + 88 * 255) >> 5 = 701, at most 544: (17 * 544 + 64) >> 7 = 72, not (17 * 701 + 64) >> 7
  const high = [0, 255, 0, 255, 255, 0, 255, 0];
  assert.equal(at(high, 2, 1), 72);
});

test('6.11: eight taps see the edge alone up to -13 and from 4 * rows + 8 on', () => {
  const plane = { samples: [7, 250, 90, 11], rows: 4, columns: 1, most: 255 };
  for (const qy of [-1000, -16, -15, -14, -13]) assert.equal(eightTaps(plane, qy, 0), 7);
  for (const qy of [24, 31, 1000]) assert.equal(eightTaps(plane, qy, 0), 11);
});

test('6.11: exact positions', () => {
  assert.equal(displaced(PLANE, 0, 1, 0, 3, 0, 1), 151);
  // d = (0, 1), t = (1, 1): 175, 127 and 161, 139: u = 302, 300, and (604 - 2 + 2) >> 2
  assert.equal(displaced(PLANE, 0, 1, 1, 3, 1, 1), 151);
  // d = (1, 2), t = (3, 1), e = (2, 1): 139, 110 and 155, 158: u = 249, 313, and (996 + 192 + 4) >> 3
  assert.equal(displaced(PLANE, 0, 1, 7, 5, 2, 1), 149);
  // at row 1, d = (-2, 0), t = (7, 0), e = (3, 0), so phases 2 and 3 from row 0: 128 and 88: (1024 - 280 + 4) >> 3
  assert.equal(displaced(PLANE, 1, 1, -9, 0, 3, 0), 93);
  // nothing is left of quarter samples
  assert.equal(displaced(PLANE, 0, 1, 4, 4, 1, 1), fourTaps(PLANE, 2, 6));
});

test('6.11: exact positions of interpolated and of stepped vectors in chroma of 4:2:0; luma has none', () => {
  const sequence = { width: 8, height: 6, chroma_format: 1, bit_depth: 8 };
  const luma = Array.from({ length: 48 }, (_, i) => (i * 37) % 256);
  for (const stepped of [0, 1]) {
    const field = { vectors: [0, 3], rows: 1, columns: 1, b: 3, stepped };
    const [exact, rounded] = [true, false].map((rule) =>
      alignPlanes(sequence, 0, [luma, samples, samples], field, { exact: rule, interpolate: fourTaps }).map((plane) => [...plane.samples]));
    assert.deepEqual(exact[0], rounded[0]);
    // row 0, column 1: 151 as above; rounded, (3 + 1) >> 1 is phase 2
    for (const i of [1, 2]) assert.deepEqual([exact[i][1], rounded[i][1]], [151, 127]);
  }
});

test('7.1: all tables', () => {
  const all = new Int32Array(200 * 256);
  for (let t = 0; t < 200; t++) {
    const { cumulative } = table(t);
    for (let k = 0; k < 256; k++) all[t * 256 + k] = cumulative[k + 1] - cumulative[k];
  }
  const expected = '919092f355a3b7fa340ac2d3e3e318e7d7608e529cfd59a8005b2e0851990c99';
  assert.equal(hex(sha256(new Uint8Array(all.buffer))), expected);
});

test('7.5: the worked example', () => {
  const d = new Coder(bytes('B7 D2 B1 AB 1B CD 87 D3 5D 00 00 00'), 'test');
  const first = d.decodeArray([0, 0, 82, 82, 199, 199, 82, 100, 101, 3, 150]);
  assert.deepEqual([...first], [0, 0, -1, 5, 127, -128, 1, 2, -3, 0, 40]);
  assert.deepEqual([...d.decodeArray([90, 80, 90, 99])], [3, -2, 1, -7]);
  d.endCheck();
  new Coder(bytes('01 00 00 00'), 'test').endCheck();
});

/** The numbers of the fenced lines that follow `heading` in the specification, without what ends in a colon. */
function listOf(heading) {
  const text = readFileSync(new URL('../../bitstream_spec.md', import.meta.url), 'utf8');
  const block = text.slice(text.indexOf(heading)).match(/```\n([^`]*)```/)[1];
  return block.replace(/.*:\n/g, '').match(/\d+/g).map(Number);
}

test('7.1: tables of what is 0 or 1', () => {
  assert.deepEqual(ONES, listOf('Tables 200 + j'));
  assert.deepEqual(ONES, Array.from({ length: 64 }, (_, j) => Math.round(2 ** 24 / (1 + 2 ** ((48 - j) / 4)))));
  for (const [j, ones] of ONES.entries()) {
    const { cumulative } = table(200 + j);
    assert.deepEqual([...cumulative.subarray(128, 131)], [128, 2 ** 24 - 126 - ones, 2 ** 24 - 126]);
    assert.deepEqual([cumulative[1], cumulative[255], cumulative[256]], [1, 2 ** 24 - 1, 2 ** 24]);
  }
});

test('7.8: default tables', () => {
  const lists = [[DEFAULTS, '**Coefficients**', 8], [DEFAULTS_OF_7, '**Coefficients of versions', 7]];
  for (const [defaults, heading, minor] of lists) {
    assert.deepEqual(defaults.flat(), listOf(heading));
    const { binary, value } = tableCounts(minor);
    const [bins, values] = [binary, value].map((counts) => counts.reduce((sum, count) => sum + count, 0));
    defaults.forEach((line) => {
      assert.equal(line.length, bins + values);
      assert.ok(Math.max(...line.slice(0, bins)) < 64 && Math.max(...line.slice(bins)) < 40);
    });
  }
});

test('7.8: default tables of vectors and splits', () => {
  const all = [...VECTOR_SCALE_DEFAULTS, ...SPLIT_DEFAULTS, SPLIT_SCALE_DEFAULT];
  assert.deepEqual(all, listOf('**Vectors** (5.8)'));
  assert.deepEqual([VECTOR_SCALE_DEFAULTS.length, SPLIT_DEFAULTS.length], [26, 15]);
  assert.ok(Math.max(...VECTOR_SCALE_DEFAULTS, SPLIT_SCALE_DEFAULT) < 40 && Math.max(...SPLIT_DEFAULTS) < 64);
});

test('6.12: steps', () => {
  assert.deepEqual([0, 5, 6, 11, 12, 63].map(stepOf), [16, 29, 32, 58, 64, 23 << 10]);
});

test('6.12: the transform', () => {
  for (const N of [1, 2, 4, 8]) {
    const flat = inverse([800, ...new Array(N * N - 1).fill(0)], N);
    assert.deepEqual([...flat], new Array(N * N).fill(100));
  }
  assert.deepEqual([...inverse([800, 80, -160, 8], 2)], [91, 69, 129, 111]);
});

test('6.12: rounding, the clamp of C, and a plane that its block exceeds', () => {
  const plane = noCoefficients(1, 1);
  plane.q[0] = -129;
  assert.deepEqual([...residual(plane, 63, 3, 1, 1)], [-4096]);
  assert.equal(residual(plane, 0, 0, 3, 5).length, 15);
  assert.deepEqual([...inverse([-1], 1)], [0]);
});

/** An Array of the numbers first.. */
const numbers = (count, first = 0) => Array.from({ length: count }, (_, i) => first + i);

const run = (count, value) => new Array(count).fill(value);

/** Stands in for a coder: arrays' answers by turns. asked: their tables. */
function answering(...answers) {
  const asked = [];
  return { asked, decodeArray: (tables) => (asked.push([...tables]), answers.shift()) };
}

/** Tables 200 + c for bin(c); scale c for c, so val(c) is 5 * c + 4. */
const TABLES_BY_CONTEXT = { bin: numbers(61, 200), scale: numbers(13) };
const bins = (...contexts) => contexts.map((c) => 200 + c);

test('7.12: contexts of a band', () => {
  const d = answering([1], [], [0, 1], [2], [5, -1]);
  const plane = noCoefficients(1, 1);
  plane.q[0] = -3; // so own is 2, and m is 3
  readBandOf7(d, 2, plane, { bin: numbers(29), scale: [20, 21, 22] });
  // bin(3 * 2 + 0); group 0 with the coarser coefficient; group 1 with it and (1, 0); values under val(1)
  assert.deepEqual(d.asked, [[6], [], [22, 22], [27], [109, 109]]);
  assert.deepEqual([plane.q[1], plane.q[8], plane.q[9]], [0, 5, -2]);
});

test('7.7: size', () => {
  assert.deepEqual([0, 1, 2, 3, 4, 7, 8, 2 ** 20].map((x) => size(x, 5)), [0, 1, 2, 2, 3, 3, 4, 5]);
  assert.deepEqual([7, 8].map((x) => size(x, 3)), [3, 3]);
});

test('7.7: values near a prediction', () => {
  const of = (p8, symbol) => {
    const d = answering([symbol]);
    const [value] = readPredicted(d, [p8], [7]);
    return [d.asked[0][0] - 5 * 7, value];
  };
  assert.deepEqual([0, 1, 3].map((symbol) => of(20, symbol)), [[4, 3], [4, 2], [4, -1]]);
  assert.deepEqual(of(-20, 0), [4, -2]);
  // mean8 is 4 from -4 to 4, and then 5 or 3
  assert.deepEqual([-5, -4, 0, 4, 5].map((p8) => of(p8, 0)), [[3, -1], [4, 1], [4, 1], [4, 1], [3, 1]]);
  // the ends of mean8: -1024 and 1016, where latents wrap
  assert.deepEqual([of(-1032, 0), of(-1032, -1), of(1016, 0), of(1016, 1)], [[0, -129], [0, 127], [0, 127], [0, -129]]);
});

test('7.7: passes and contexts of level 3', () => {
  const none = [[], []]; // passes 1 to 3
  const d = answering([1], [-3], ...none, ...none, ...none, [1], [-4], [1], [0], [1, 0, 1], [1, -4]);
  const plane = noCoefficients(2, 3);
  readBand(d, 3, plane, TABLES_BY_CONTEXT);
  assert.deepEqual([...plane.q.subarray(0, 6)], [4, 1, -1, 0, 2, 5]);
  const scaleAndPhase = (scale, phase) => 5 * scale + phase;
  assert.deepEqual(d.asked, [
    bins(0), [scaleAndPhase(0, 4)],
    ...none, ...none, ...none,
    bins(6), [scaleAndPhase(1, 0)], // p8 32, from 4
    bins(11), [scaleAndPhase(10, 4)], // p8 12, from 4 and -1
    // p8 13, 24 and 4, from 2, 4 and -1; 4 and 2; -1 and 2
    bins(11, 11, 10), [scaleAndPhase(10, 3), scaleAndPhase(9, 4)],
  ]);
});

test('7.7: each block of level 3 is in one pass, with one of three contexts where all are 0', () => {
  const asked = [];
  const d = { decodeArray: (tables) => (asked.push([...tables]), new Array(tables.length).fill(0)) };
  readBand(d, 3, noCoefficients(9, 9), TABLES_BY_CONTEXT);
  const flags = [[4, 0], [1, 1], [4, 1], [4, 1], [12, 1], [16, 7], [40, 7]];
  assert.deepEqual(asked, flags.flatMap(([count, c]) => [bins(...new Array(count).fill(c)), []]));
});

test('7.7: levels 2 and 1 of one block', () => {
  const plane = noCoefficients(1, 1);
  plane.q[0] = -3;
  const slopes = answering([1], [], [0, 1], [2], [-4], [-1]);
  readBand(slopes, 2, plane, TABLES_BY_CONTEXT);
  assert.deepEqual(slopes.asked, [bins(1), [], bins(50, 50), bins(59), [4], [5 * 9 + 4]]);
  assert.deepEqual([plane.q[1], plane.q[8], plane.q[9]], [0, 5, -2]);
  const fine = answering([1], [], [1, 0], run(4, 0), run(3, 0), run(2, 0), [0], [1]);
  readBand(fine, 1, plane, TABLES_BY_CONTEXT);
  assert.deepEqual(fine.asked[0], bins(9));
  assert.deepEqual(fine.asked.at(-1), [5 * 3 + 4]);
});

test('7.7: contexts of level 2 from the blocks around', () => {
  const plane = noCoefficients(2, 2);
  plane.q.set([10, -2, 0, 0]);
  // g_x: 12, 12, 0, 0; g_y: 10, -2, 10, -2; C: 2 * 4 + 1, 2 * 4 + 1, 2 * 4, 2 * 2
  const d = answering([1, 0], [1, 0], [1, 0, 1, 1], [1, 0], [0, 0, 0], [7]);
  readBand(d, 2, plane, TABLES_BY_CONTEXT);
  assert.deepEqual(d.asked, [
    bins(9, 4), bins(10 + 4 * 9 + 1, 10 + 4 * 8 + 1), // blocks 0 and 3, then 1 and 2
    bins(54, 54, 54, 52), // q[0][1] of blocks 0 and 1, then q[1][0]
    bins(60, 59), // of block 0, which has all three, and of block 1: q[0][0] and q[1][0]
    // p8 18, 15 and -3: mean8 18, 15 and 4; contexts 4, 4 and 2
    [5 * 4 + 2, 5 * 4 + 1, 5 * 2 + 4],
    [5 * 8 + 4],
  ]);
  assert.deepEqual([1, 8, 9].map((f) => [...plane.q.subarray(4 * f, 4 * f + 2)]), [[2, 0], [2, 1], [7, 0]]);
});

test('7.7: contexts of level 1', () => {
  const plane = noCoefficients(1, 2);
  plane.q[0] = 100; // of block 0: m is 100, x is 0
  plane.q[2 * 9 + 1] = 5; // q[1][1] of block 1: m and x are 5
  const d = answering([1], [1], [1, 0, 0, 1], run(8, 0), [0, 0, 0, 0, 0, 1], [1, 0, 0, 0], [0, 1], [9, 8, 7, 6, -5]);
  readBand(d, 1, plane, TABLES_BY_CONTEXT);
  assert.deepEqual(d.asked, [
    bins(1), bins(25), // own 0 and one neighbour; own 3 and near 1
    bins(28, 28, 28, 28), // q[0][2] of both blocks, then q[2][0]
    bins(33, 32, 33, 33, 32, 34, 32, 33),
    bins(37, 36, 36, 37, 36, 37),
    bins(40, 40, 40, 41),
    bins(41, 40),
    // q[0][2], q[2][0], q[2][3], q[3][1], q[3][3]: 2 + 0 + 25 in block 0, 3 + 5 + 1 in block 1
    [4, 3, 10, 9, 9].map((c) => 5 * c + 4),
  ]);
  const places = [[0, 2, 0], [2, 0, 1], [2, 3, 0], [3, 1, 1], [3, 3, 1]];
  const found = places.map(([u, v, b]) => plane.q[2 * (8 * u + v) + b]);
  assert.deepEqual(found, [9, 8, 7, 6, -6]);
});

test('7.7: x of level 0 is that of level 1, and high values are those of u + v above 6', () => {
  const plane = noCoefficients(1, 1);
  plane.q.set([1, 6], 1); // q[0][1] and q[0][2]: x is 6, m is 7, s will be 48
  const asked = [];
  const all = { decodeArray: (tables) => (asked.push([...tables]), new Array(tables.length).fill(1)) };
  readBand(all, 0, plane, TABLES_BY_CONTEXT);
  assert.deepEqual(asked.slice(0, 2), [bins(9), []]);
  assert.deepEqual(asked.slice(2, -1).map((tables) => tables.length), [2, 4, 6, 8, 7, 6, 5, 4, 3, 2, 1]);
  const sums = numbers(64).filter((f) => Math.max(f >> 3, f & 7) > 3).map((f) => (f >> 3) + (f & 7));
  assert.deepEqual(asked.at(-1), sums.map((sum) => 5 * (sum > 6 ? 11 : 5) + 4));
});

test('5.9: default tables of choices and intra blocks', () => {
  const text = readFileSync(new URL('../../bitstream_spec.md', import.meta.url), 'utf8');
  for (const [name, defaults] of [['choice', CHOICE_DEFAULTS], ['intra', INTRA_DEFAULTS]]) {
    const list = text.match(new RegExp(`\\*\\*${name}_table\\*\\*: [^:]*: ([\\d,\\s]+)\\.`))[1];
    assert.deepEqual(defaults, list.split(',').map(Number));
  }
  assert.deepEqual([CHOICE_DEFAULTS.length, INTRA_DEFAULTS.length], [14, 11]);
});

test('7.9: contexts of choices', () => {
  const asked = [];
  const answers = [[1, 1, 0, 0], [1, 1], [1], [0], [1, 0, 1, 1], [1, 0, 0]];
  const d = { decodeArray: (tables) => (asked.push([...tables]), answers.shift()) };
  const numbers = Array.from({ length: 14 }, (_, c) => c);
  const { b, rows, columns, values } = readChoices(d, { width: 17, height: 24 }, 3, numbers);
  assert.deepEqual([b, rows, columns], [3, 3, 3]);
  assert.deepEqual(asked, [[0, 0, 0, 0], [12, 12], [3], [13], [9, 8, 8, 7], [13, 12, 11]]);
  assert.deepEqual([...values], [2, 2, 2, 0, 1, 1, 0, 1, 0]);
});

test('6.13: a sample takes the choice of the block at its upper left', () => {
  const plane = (value) => ({ samples: new Int32Array(4).fill(value), rows: 2, columns: 2 });
  const choices = { b: 3, rows: 4, columns: 4, values: [1, 2, 2, 2, 2, 2, 2, 2, 0, 2, 2, 2, 2, 2, 2, 2] };
  const references = [[plane(10), plane(11)], [plane(20), plane(21)]];
  applyChoices({ chroma_format: 2 }, 3, choices, references); // chroma: 8 rows, 16 columns a sample
  assert.deepEqual(references.map((planes) => planes.map(({ samples }) => [...samples])), [
    [[10, 20, 20, 20], [11, 21, 21, 21]],
    [[10, 20, 20, 20], [11, 21, 21, 21]],
  ]);
});

/** fill of rows of samples, of which null ones are missing. */
function filled(rows) {
  const samples = Int32Array.from(rows.flat(), (sample) => sample ?? 0);
  const missing = Uint8Array.from(rows.flat(), (sample) => (sample === null ? 1 : 0));
  return [...fill({ samples, rows: rows.length, columns: rows[0].length }, missing)];
}

test('6.14: filling', () => {
  assert.deepEqual(filled([[100, 200, null, null], [300, 401, null, null]]), [100, 200, 250, 250, 300, 401, 250, 250]);
  assert.deepEqual(filled([[100, 200, null], [300, 401, null]]), [100, 200, 250, 300, 401, 250]);
  const row = [[null, 160, null, null, null, null, 80, null]];
  assert.deepEqual(filled(row), [160, 160, 145, 130, 110, 95, 80, 80]);
});

test('6.14: all are missing, none is, three of four are there', () => {
  assert.deepEqual(filled([[null, null, null]]), [2048, 2048, 2048]);
  assert.deepEqual(filled([[5, 4095]]), [5, 4095]);
  assert.deepEqual(filled([[0, 1], [1, null]]), [0, 1, 1, 1]); // (2 * 4 + 6) / 12
});

test('6.14: the mean of both references goes into both, in intra blocks alone', () => {
  const plane = (...samples) => [{ samples: Int32Array.from(samples), rows: 1, columns: 2 }];
  const references = [plane(100, 7), plane(97, 9)];
  fillIntra({ chroma_format: 0 }, 3, { b: 3, rows: 1, columns: 2, values: [0, 1] }, references);
  assert.deepEqual(references.map(([{ samples }]) => [...samples]), [[100, 99], [97, 99]]);
  const one = [plane(100, 7)];
  fillIntra({ chroma_format: 0 }, 3, { b: 3, rows: 1, columns: 2, values: [0, 1] }, one);
  assert.deepEqual([...one[0][0].samples], [100, 100]);
});

/** A plane of rows of samples of 8 bits after 6.15; coded: numbers of blocks. t is 32, that of qp 30. */
function deblocked(rows, N, coded) {
  const plane = { samples: Uint8Array.from(rows.flat()), rows: rows.length, columns: rows[0].length, most: 255 };
  const coefficients = noCoefficients(Math.ceil(plane.rows / N), Math.ceil(plane.columns / N));
  for (const b of coded) coefficients.q[b] = 1;
  deblockPlane(plane, coefficients, N, 32);
  return [...plane.samples];
}

test('6.15: two blocks', () => {
  const smooth = [...run(7, 100), 105, 107, ...run(7, 112)];
  for (const coded of [[0, 1], [0], [1]]) {
    assert.deepEqual(deblocked([[...run(8, 100), ...run(8, 112)]], 8, coded), smooth);
    assert.deepEqual(deblocked([...run(8, [100]), ...run(8, [112])], 8, coded), smooth);
  }
  const row = [...run(8, 100), ...run(8, 132)];
  assert.deepEqual(deblocked([row], 8, [0, 1]), row);
  const uncoded = [...run(8, 100), ...run(8, 112)];
  assert.deepEqual(deblocked([uncoded], 8, []), uncoded);
});

test('6.15: at 1/2 blocks have 4 samples; a block of one sample is its own neighbour', () => {
  assert.deepEqual(deblocked([[...run(4, 100), 112]], 4, [0]), [...run(3, 100), 105, 107]);
});

test('6.15: step 2 filters what step 1 has made', () => {
  // one sample of 112 at the lower right; step 1 makes 105, 107 in its row
  const rows = [...run(4, run(5, 100)), [...run(4, 100), 112]];
  // down column 3: 100, 100, 105, 105: d is (20 - 5 + 4) >> 3 = 2; down column 4: (28 - 7 + 4) >> 3 = 3
  assert.deepEqual(deblocked(rows, 4, [2, 3]).slice(15), [100, 100, 100, 102, 103, 100, 100, 100, 103, 104]);
  // block 3 alone: column 3, of blocks 0 and 2, is not filtered downwards
  assert.deepEqual(deblocked(rows, 4, [3]).slice(15), [100, 100, 100, 100, 103, 100, 100, 100, 105, 104]);
});

test('6.15: what is coded at a scale, and the scales that are filtered', () => {
  const coefficients = noCoefficients(1, 2);
  coefficients.q[4 * coefficients.blocks] = 1; // q[0][4] of block 0
  const sequence = { width: 16, height: 1, chroma_format: 0, bit_depth: 8 };
  const changed = (s) => {
    const half = 8 >> s;
    const samples = Uint8Array.from([...run(half, 100), ...run(half, 112)]);
    deblock(sequence, s, [samples], [coefficients], 30);
    return samples[half - 1] !== 100;
  };
  assert.deepEqual([0, 1, 2, 3].map(changed), [true, false, false, false]);
  coefficients.q[0] = -1;
  assert.deepEqual([0, 1, 2, 3].map(changed), [true, true, false, false]);
});

test('5.9: the default filter', () => {
  const text = readFileSync(new URL('../../bitstream_spec.md', import.meta.url), 'utf8');
  const rows = text.slice(text.indexOf('| class | D[class]')).split('\n').slice(2, 17);
  assert.deepEqual(DEFAULT_FILTER, rows.map((row) => row.split('|')[2].split(',').map(Number)));
});

/** The filters of a TABLES unit with these fields [bits, value] from custom_filter_count on. */
function filtersOf(...fields) {
  const text = fields.map(([bits, value]) => value.toString(2).padStart(bits, '0')).join('');
  const payload = text.padEnd(8 * Math.ceil(text.length / 8), '0').match(/.{8}/g).map((byte) => parseInt(byte, 2));
  return readFilters(new BitReader(Uint8Array.from(payload), 'test'));
}

test('5.9: the coefficients of a filter', () => {
  const deltas = (w, values) => [[3, w - 1], ...values.map((value) => [w, value])];
  const class0 = [[1, 1], ...deltas(3, [4, 0, ...run(10, 4)])];
  const class1 = [[1, 1], ...deltas(8, [...run(10, 128), 255, 0])];
  const [own, filter] = filtersOf([2, 1], ...class0, ...class1, ...run(13, [1, 0]));
  assert.equal(own, DEFAULT_FILTER);
  assert.deepEqual(filter[0], [2, 0, 3, 2, 2, 2, 2, 11, 2, 3, 10, 6]);
  assert.deepEqual(filter[1], [2, 4, 3, 2, 2, 0, 3, 10, 3, 0, 127, -115]); // 10 + 127, 13 - 128
  assert.deepEqual(filter.slice(2), DEFAULT_FILTER.slice(2));
  const [, , second] = filtersOf([2, 2], ...run(15, [1, 0]), ...run(14, [1, 0]), [1, 1], ...deltas(1, run(12, 0)));
  assert.deepEqual(second[14], DEFAULT_FILTER[14].map((d) => d - 1));
});

/** Rows of samples. */
const planeOf = (...rows) => ({ samples: Uint8Array.from(rows.flat()), rows: rows.length, columns: rows[0].length });
const LINE = [100, 104, 96, 130, 170, 172, 168, 171];
const BRIGHTER = LINE.map((sample) => sample + 3);
const FILTERED = planeOf(LINE, LINE, BRIGHTER, LINE.with(6, 140), run(8, 90));

test('6.16: classes', () => {
  const { activities, rows, columns } = activitiesOf(widened(FILTERED));
  assert.deepEqual([rows, columns], [2, 2]);
  assert.deepEqual(activities, [[951, 1864], [2289, 2224], [807, 256], [2145, 328]]);
  const classes = activities.map((sums) => classOf(sums, 8));
  assert.deepEqual(classes.map(({ number }) => number), [13, 12, 11, 14]);
  assert.deepEqual(classes.map(({ transposed }) => transposed), [false, true, true, true]);
});

test('6.16: the limits of classes', () => {
  const numberOf = (V, H, B = 8) => classOf([V, H], B).number;
  assert.deepEqual([[0, 0], [96, 95], [96, 96]].map((sums) => numberOf(...sums)), [0, 0, 3]);
  assert.deepEqual([383, 384, 767, 768, 1535, 1536].map((sum) => numberOf(sum, 0)), [5, 8, 8, 11, 11, 14]);
  assert.deepEqual([[30, 20], [31, 20], [60, 20], [61, 20]].map((sums) => numberOf(...sums)), [0, 1, 1, 2]);
  assert.deepEqual([[20, 31], [0, 1]].map((sums) => numberOf(...sums)), [1, 2]);
  assert.deepEqual([767, 768].map((sum) => numberOf(sum, 0, 10)), [2, 5]);
});

test('6.16: the worked example', () => {
  const plane = { ...FILTERED, samples: FILTERED.samples.slice() };
  filterPlane(plane, 8, null, DEFAULT_FILTER, 1);
  assert.deepEqual([...plane.samples], [
    101, 102, 97, 130, 168, 173, 168, 170,
    102, 103, 98, 131, 167, 173, 170, 170,
    104, 105, 100, 134, 176, 181, 174, 178,
    101, 101, 97, 124, 163, 161, 143, 159,
    91, 90, 89, 92, 91, 90, 90, 90,
  ]);
});

test('6.16: pairs, one by one, of a plane that is not transposed and of one that is', () => {
  const pairs = [[0, 1], [0, 2], [0, 3], [1, -2], [1, -1], [1, 0], [1, 1], [1, 2], [2, -1], [2, 0], [2, 1], [3, 0]];
  const responseTo = (transposed, t, [dy, dx]) => {
    const ramp = (y, x) => 4 * Math.abs((transposed ? y : x) - 7); // a crease through row or column 7
    const rows = numbers(16).map((y) => numbers(16).map((x) => 100 + ramp(y, x)));
    const filter = run(15, run(12, 0).with(t, 64)); // which takes half of what one sample has more
    const before = planeOf(...rows);
    const after = planeOf(...rows.map((row, y) => row.map((sample, x) => sample + (y === 7 + dy && x === 7 + dx ? 2 : 0))));
    for (const plane of [before, after]) filterPlane(plane, 8, null, filter, 1);
    return after.samples[7 * 16 + 7] - before.samples[7 * 16 + 7];
  };
  const seen = (transposed) => pairs.map((_, t) => {
    const which = pairs.flatMap(([dy, dx], i) => {
      const both = [[dy, dx], [-dy, -dx]].map((place) => responseTo(transposed, t, place));
      assert.equal(both[0], both[1]);
      return both[0] ? [i] : [];
    });
    assert.equal(which.length, 1);
    return which[0];
  });
  assert.deepEqual(seen(false), numbers(12));
  assert.deepEqual(seen(true), [5, 9, 11, 8, 4, 0, 6, 10, 3, 1, 7, 2]);
});

test('6.16: blocks with coefficients, of any of the 64, and the scales that are filtered', () => {
  const sequence = { width: 16, height: 4, chroma_format: 0, bit_depth: 8 };
  const rows = run(4, numbers(16).map((x) => (x % 2 ? 90 : 120)));
  const coefficients = noCoefficients(1, 2);
  coefficients.q[63 * 2 + 1] = -1; // of block 1
  const changed = (s, whole, found) => {
    const samples = planeOf(...rows).samples;
    filterAdaptively(sequence, s, [samples], [found], DEFAULT_FILTER, whole);
    return [0, 15].map((x) => samples[x] !== rows[0][x]);
  };
  assert.deepEqual(changed(0, 0, coefficients), [false, true]);
  assert.deepEqual(changed(0, 1, coefficients), [true, true]);
  assert.deepEqual([changed(0, 0, null), changed(0, 1, null)], [[false, false], [true, true]]);
  for (const s of [1, 2, 3]) assert.deepEqual(changed(s, 1, coefficients), [false, false]);
});

test('7.11: contexts of intra blocks', () => {
  const asked = [];
  const answers = [[1, 0], [1], [0, 1, 0]];
  const d = { decodeArray: (tables) => (asked.push([...tables]), answers.shift()) };
  const numbers = Array.from({ length: 11 }, (_, c) => c);
  const { b, rows, columns, values } = readIntra(d, { width: 65, height: 64 }, 1, numbers);
  assert.deepEqual([b, rows, columns], [5, 2, 3]);
  assert.deepEqual(asked, [[0, 0], [2], [8, 8, 7]]);
  assert.deepEqual([...values], [1, 0, 0, 1, 1, 0]);
});

test('7.10: contexts, offers and order of splits', () => {
  const asked = [];
  const answers = [
    [1, 0], [0, 1, 1, 1], [0, 1], [], [9, -2, 3, 6],
    [0, 1, 0, 1], [1, 0, 1, 1, 1, 0], [1, 0, 0, 0], [1, 0], [-1, 2],
  ];
  const d = { decodeArray: (tables) => (asked.push([...tables]), answers.shift()) };
  const root = { b: 5, rows: 1, columns: 2, vectors: Int32Array.of(0, 0, 0, 6) };
  const tables = { split: Array.from({ length: 15 }, (_, c) => c), value: 100 };
  const { b, rows, columns, vectors } = splitField(d, { height: 24, width: 48 }, root, 3, tables);
  assert.deepEqual([b, rows, columns], [3, 3, 6]);
  const values = (count) => new Array(2 * count).fill(100);
  assert.deepEqual(asked, [
    [4, 4], [9, 10, 9, 10], [12, 12], [], values(2),
    [2, 1, 2, 1], [10, 9, 11, 10, 11, 10], [12, 13, 12, 13], [14, 14], values(1),
  ]);
  assert.deepEqual([...vectors], [
    [0, 0, 0, 0, -1, 8, 0, 6, 0, 6, 0, 6],
    [0, 0, 0, 0, 3, 6, 3, 6, 0, 6, 0, 6],
    [9, -2, 9, -2, 9, -2, 3, 6, 0, 6, 0, 6],
  ].flat());
});

test('7.10: new vectors are clamped', () => {
  const answers = [[1], [1], [], [], [127, -128]];
  const d = { decodeArray: () => answers.shift() };
  const root = { b: 4, rows: 1, columns: 1, vectors: Int32Array.of(1000, -1000) };
  const tables = { split: new Array(15).fill(200), value: 0 };
  assert.deepEqual([...splitField(d, { height: 8, width: 8 }, root, 3, tables).vectors], [1023, -1024]);
});
