// What the specification says MUST be refused, and what MUST NOT matter: files made of a vector's units, each with one
// thing changed and all CRCs right. node test_refusals.mjs [FOLDER OF VECTORS]

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { alignPlanes } from './alignment.mjs';
import { BitReader } from './bits.mjs';
import { DIGEST, GOP, MOTION, NETWORK, RESIDUAL, SEGMENT, SEQUENCE, TABLES } from './container.mjs';
import { Decoder, MsnError, decode, planeBytes } from './decoder.mjs';
import {
  DigestError, DigestMissing, EntropyError, HeaderError, NetworkError, PayloadError, RequestError, UnitError,
  UnitMissing, ValueError,
} from './errors.mjs';
import { readFields, readMotionHeader } from './fields.mjs';
import { eightTaps, fourTaps } from './interpolation.mjs';
import { inventUnits } from './invented.mjs';
import { levelLayers } from './layers.mjs';
import { readResidualTables } from './residual_tables.mjs';
import { Sha256, hex } from './sha256.mjs';
import { codingOrder } from './structure.mjs';
import { encodeWords, file, setBits, unitsOf } from './test_files.mjs';

const folder = process.argv[2] ?? fileURLToPath(new URL('../../tests/conformance/vectors', import.meta.url));
const vector = (name) => join(folder, name);
const PLAIN = new Uint8Array(readFileSync(vector('plain.msn')));

// Changing them

const decodeAll = (bytes, request) => {
  const hash = new Sha256();
  for (const { planes } of decode(bytes, request)) for (const plane of planeBytes(planes)) hash.update(plane);
  return hex(hash.digest());
};

/** The file with one unit's payload changed. */
function changed(bytes, [type, segment = 0, gop = 0, level = 0], change, options) {
  const units = unitsOf(bytes);
  const unit = units.find((u) => u.type === type && u.segment === segment && u.gop === gop && u.level === level);
  unit.payload = change(unit.payload) ?? unit.payload;
  return file(units, options);
}

function refuses(name, bytes, kind = MsnError, request = {}) {
  test(name, () => assert.throws(() => decodeAll(bytes, request), (error) => {
    assert.ok(error instanceof kind, String(error.stack));
    assert.ok(!error.message.includes('\n'));
    return true;
  }));
}

const expected = decodeAll(PLAIN, { verify: true });
const accepts = (name, bytes, request) => test(name, () => assert.equal(decodeAll(bytes, request), expected));
const plain = unitsOf(PLAIN);

accepts('the writer above makes the same file', file(plain), { verify: true });

// 3.1, 3.7

const patched = (at, value) => Uint8Array.from(PLAIN, (byte, i) => (i === at ? value : byte));
refuses('3.1: magic', patched(1, 0), HeaderError);
refuses('3.1: version_major', patched(4, 1), HeaderError);
refuses('3.1: flags', patched(7, 128), HeaderError);
refuses('3.1: shorter than a header', PLAIN.subarray(0, 7), HeaderError);
accepts('3.7: another version_minor', patched(5, 200));

// 3.2, 3.5

const reserved = { type: 77, segment: 5, gop: 6, level: 7, payload: [1, 2, 3], damaged: true };
const misplaced = { type: GOP, segment: 0, gop: 0, level: 9, payload: [], damaged: true };
refuses('3.2: two units of one key', file([...plain, plain[0]]), UnitError);
refuses('3.2: two units of one key, without an index', file([...plain, plain[0]], { withIndex: false }), UnitError);
accepts('3.2: reserved types, twice, with wrong CRCs', file([reserved, ...plain, reserved]));
accepts('3.2: a key that names nothing', file([misplaced, ...plain]));
accepts('3.2: another order', file([...plain].reverse()));
accepts('3.5: no index, no footer', file(plain, { withIndex: false }));
accepts('3.5: a damaged index', patched(PLAIN.length - 20, PLAIN[PLAIN.length - 20] ^ 1));
accepts('3.5: a damaged footer', patched(PLAIN.length - 12, PLAIN[PLAIN.length - 12] ^ 1));
accepts('3.5: bytes after INDEX', Uint8Array.from([...PLAIN, 1, 2, 3]));
refuses('3.5: sizes that differ from the index', file(plain, {
  changeIndex: (entries) => entries.map(([a, b, c, d, size], i) => [a, b, c, d, size + [1, -1][i] || size]),
}), UnitError);
refuses('3.5: a key that differs from the index', file(plain, {
  changeIndex: ([first, second, ...rest]) => [first, [GOP, 0, 0, 0, second[4]], ...rest],
}), MsnError);
for (const type of [SEQUENCE, SEGMENT, NETWORK, GOP]) {
  const at = plain.findIndex((u) => u.type === type);
  refuses(`3.2: a missing unit of type ${type}`, file(plain.filter((_, i) => i !== at)), UnitMissing);
  const damaged = plain.map((u, i) => ({ ...u, damaged: i === at }));
  refuses(`3.2: a wrong CRC in a unit of type ${type}`, file(damaged), UnitError);
  const { segment, gop, level } = plain[at];
  const key = [type, segment, gop, level];
  refuses(`3.2: a payload of type ${type} that goes on`, changed(PLAIN, key, (p) => [...p, 0]));
  refuses(`3.2: a payload of type ${type} that ends early`, changed(PLAIN, key, (p) => p.slice(0, -1)));
  refuses(`3.2: an empty payload of type ${type}`, changed(PLAIN, key, () => []));
}
accepts('4.5: a damaged DIGEST that is not read', file(plain.map((u) => ({ ...u, damaged: u.type === DIGEST }))));
test('4.5: at 1/8 no unit below level 3 is needed', () => {
  const coarse = plain.filter((u) => ![NETWORK, GOP].includes(u.type) || u.level >= 3);
  assert.equal(decodeAll(file(coarse), { scale: '1/8' }), decodeAll(PLAIN, { scale: '1/8' }));
});

// 5.1, 5.2

const sequenceField = (name, at, n, value) =>
  refuses(`5.1: ${name} ${value}`, changed(PLAIN, [SEQUENCE], (p) => setBits(p, at, n, value)));
for (const value of [0, 8193]) sequenceField('width', 0, 16, value);
for (const value of [0, 8193]) sequenceField('height', 16, 16, value);
for (const value of [0, 7, 9, 11, 13]) sequenceField('bit_depth', 34, 4, value);
sequenceField('frame_rate_num', 38, 32, 0);
sequenceField('frame_rate_den', 70, 32, 0);
for (const value of [0, 2 ** 24 + 1, 5000]) sequenceField('picture_count', 102, 32, value);
for (const value of [0, 65535]) sequenceField('segment_count', 134, 16, value);
for (const value of [1, 2, 15]) sequenceField('profile', 150, 4, value);

const { gops, picture_count } = new Decoder(PLAIN).segments[0];
const segmentField = (name, at, n, value) =>
  refuses(`5.2: ${name} ${value}`, changed(PLAIN, [SEGMENT], (p) => setBits(p, at, n, value)));
segmentField('first_picture', 0, 32, 1);
segmentField('picture_count', 32, 32, picture_count + 1);
segmentField('gop_count', 64, 16, 0);
segmentField('gop_count', 64, 16, gops.length + 1);
for (const value of [0, gops[0].length + 1, 1025]) segmentField('gop_length', 80, 16, value);

// 5.3, 5.4, 6.1, 7.4

const { sequence } = new Decoder(PLAIN);
const [configuration] = sequence.configurations;
const layersOf4 = levelLayers(configuration, 4, sequence.chroma_format);
const networkField = (name, at, n, value) =>
  refuses(`5.3: ${name} ${value}`, changed(PLAIN, [NETWORK, 0, 0, 4], (p) => setBits(p, at, n, value)));
networkField('tensor_count', 0, 8, 2 * layersOf4.length + 1);
networkField('scale_index', 8, 6, 40);
networkField('step', 8 + 20 * layersOf4.length, 8, 0);
refuses('5.4: picture_count', changed(PLAIN, [GOP, 0, 0, 4], (p) => setBits(p, 0, 16, gops[0].length + 1)));
refuses('7.4: a zero word at the end', changed(PLAIN, [NETWORK, 0, 0, 4], (p) => [...p, 0, 0, 0, 0]));
refuses('7.4: one word more', changed(PLAIN, [NETWORK, 0, 0, 4], (p) => [...p, 1, 0, 0, 0]));
refuses('7.4: one word less', changed(PLAIN, [NETWORK, 0, 0, 4], (p) => p.slice(0, -4)));

/** The NETWORK unit of level 4 with every value of the weights `weight`. */
function networkOf(weight) {
  return changed(PLAIN, [NETWORK, 0, 0, 4], (payload) => {
    const L = configuration.grid_channels[4];
    const bits = 8 + 20 * layersOf4.length + 8 * L * (1 + configuration.gop_grid_flag[4]);
    const arrays = layersOf4.flatMap((layer, i) => {
      const r = new BitReader(Uint8Array.from(payload), 'test');
      const number = [0, 1].map((part) => {
        r.bit = 8 + 10 * (2 * i + part);
        return 5 * r.u('scale_index', 6);
      });
      const count = layer.out * layer.in * layer.K * layer.K;
      return [
        { number: number[0], symbols: new Array(count).fill(weight) },
        { number: number[1], symbols: new Array(layer.kinds * layer.out).fill(0) },
      ];
    });
    return [...payload.slice(0, Math.ceil(bits / 8)), ...encodeWords(arrays)];
  });
}
refuses('6.1: the accumulator bound', networkOf(127), NetworkError);

// 9

refuses('9: no digests to compare with', file(plain.filter((u) => u.type !== DIGEST)), DigestMissing, { verify: true });
refuses('9: another digest', changed(PLAIN, [DIGEST], (p) => ((p[3] ^= 1), p)), DigestError, { verify: true });
refuses('5.5: digest_bytes', changed(PLAIN, [DIGEST], (p) => ((p[0] = 3), p)), MsnError, { verify: true });

// The motion profile

if (existsSync(vector('motion_open_gops.msn'))) {
  const OPEN = new Uint8Array(readFileSync(vector('motion_open_gops.msn')));
  const { segments } = new Decoder(OPEN);
  const flags = 80 + 16 * segments[0].gops.length;
  refuses('3.7: the motion profile of an earlier version', file(unitsOf(OPEN), { minor: 2 }), HeaderError);
  for (const value of [3, 4]) {
    const otherBase = changed(OPEN, [SEQUENCE], (p) => ((p[p.length - 2] = value), p));
    refuses(`5.1.1: base model ${value} in the motion profile`, otherBase, ValueError);
  }
  refuses('5.2: the first GoP open', changed(OPEN, [SEGMENT], (p) => setBits(p, flags, 1, 1)));
  const moving = unitsOf(OPEN).find((u) => u.type === MOTION);
  const key = [MOTION, moving.segment, moving.gop];
  refuses('5.8: vector_scale_index', changed(OPEN, key, (p) => p.fill(255, 0, 16)));
  refuses('5.8: a payload that goes on', changed(OPEN, key, (p) => [...p, 1, 0, 0, 0]));
  refuses('5.7: no GOP unit', file(unitsOf(OPEN).filter((u) => u.type !== GOP)), UnitMissing);
  test('4.6: a part of the pictures is that part of all', () => {
    const all = [...decode(OPEN)].map(({ planes }) => hex(planes[0]));
    for (let first = 0; first < all.length; first++) {
      const last = Math.min(first + 2, all.length);
      const part = [...decode(OPEN, { first, last })].map(({ planes }) => hex(planes[0]));
      assert.deepEqual(part, all.slice(first, last));
    }
  });
}

// The hybrid profile, on an invented file

const WANTED = {
  width: 33, height: 31, chroma_format: 1, bit_depth: 8, network: 1, gops: [[3, 0], [4, 1]], deblocking: 1, intra: 1,
  adaptive: 1,
};
const hybrid = inventUnits(5, WANTED);
const HYBRID = file(hybrid);
const hybridChanged = (key, change) => changed(HYBRID, key, change);
const isAt = (type, level) => (u) => u.type === type && u.level === level;

test('8.3: end checks of all units hold, and a part of the pictures is that part of all', () => {
  for (const scale of ['1', '1/8']) {
    const digests = (request) => [...decode(HYBRID, { scale, ...request })].map(({ planes }) => planes.map(hex).join());
    const all = digests();
    assert.equal(all.length, 7);
    for (let first = 0; first < 7; first++) {
      assert.deepEqual(digests({ first, last: first + 1 }), [all[first]]);
    }
  }
});
test('4.5: at 1/8 no unit below level 3 is needed', () => {
  const coarse = hybrid.filter((u) => ![NETWORK, RESIDUAL].includes(u.type) || u.level >= 3);
  assert.equal(decodeAll(file(coarse), { scale: '1/8' }), decodeAll(HYBRID, { scale: '1/8' }));
});
test('3.2: GOP units are not read', () => {
  const gop = { type: GOP, segment: 0, gop: 0, level: 4, payload: [], damaged: true };
  assert.equal(decodeAll(file([gop, ...hybrid])), decodeAll(HYBRID));
});
refuses('3.7: the hybrid profile of an earlier version', file(hybrid, { minor: 4 }), HeaderError);
refuses('3.7: the hybrid profile of a version that had none', file(hybrid, { minor: 2 }), HeaderError);
refuses('5.1: grid_channels 2 at level 4', hybridChanged([SEQUENCE], (p) => setBits(p, 169, 5, 2)), ValueError);
refuses('5.1: grid_channels 1 at level 3', hybridChanged([SEQUENCE], (p) => setBits(p, 191, 5, 1)), ValueError);

const withBaseModel = (bytes, value) => changed(bytes, [SEQUENCE], (p) => ((p[p.length - 2] = value), p));
for (const value of [1, 2, 5]) refuses(`5.1.1: base_model ${value}`, withBaseModel(HYBRID, value), ValueError);
for (const value of [3, 4]) refuses(`5.3.2: base model ${value} not given`, withBaseModel(HYBRID, value), RequestError);
const WITHOUT_NETWORK = file(inventUnits(5, { ...WANTED, network: 0 }));
test('5.3.2: base model 3 not given, nor needed', () => {
  assert.equal(decodeAll(withBaseModel(WITHOUT_NETWORK, 3)), decodeAll(WITHOUT_NETWORK));
});
refuses('5.1.1: base model 2 in the hybrid profile without a network', withBaseModel(WITHOUT_NETWORK, 2), ValueError);

for (const [name, type, level] of [['TABLES', TABLES, 0], ['RESIDUAL', RESIDUAL, 3], ['RESIDUAL', RESIDUAL, 2]]) {
  const at = hybrid.findIndex(isAt(type, level));
  const key = [type, 0, hybrid[at].gop, level];
  const what = `a ${name} unit of level ${level}`;
  refuses(`3.2: ${what} is missing`, file(hybrid.filter((_, i) => i !== at)), UnitMissing);
  refuses(`3.2: ${what} has a wrong CRC`, file(hybrid.map((u, i) => ({ ...u, damaged: i === at }))), UnitError);
  refuses(`3.2: ${what} goes on`, hybridChanged(key, (p) => [...p, 0]));
  refuses(`3.2: ${what} ends early`, hybridChanged(key, (p) => p.slice(0, -1)));
  refuses(`3.2: ${what} is empty`, hybridChanged(key, () => []), PayloadError);
  if (type === TABLES) continue;
  refuses(`7.4: ${what} has one word more`, hybridChanged(key, (p) => [...p, 1, 0, 0, 0]), EntropyError);
  refuses(`7.4: ${what} has no words`, hybridChanged(key, (p) => p.slice(0, hybrid[at].fields)), EntropyError);
}

const payloadOf = (bits) => {
  const payload = new Array(Math.ceil(bits.length / 8)).fill(0);
  bits.forEach((bit, i) => setBits(payload, i, 1, bit));
  return payload;
};
const tablesOfVersion = (minor, ...bits) => changed(HYBRID, [TABLES], () => payloadOf(bits), { minor });
const plainTables = (...bits) => tablesOfVersion(8, ...bits);
const bits = (n, value) => Array.from({ length: n }, (_, i) => (value >> (n - 1 - i)) & 1);
const none = (count) => new Array(count).fill(0);
const scale40 = [1, 1, 0, 1, 0, 0, 0, ...none(500)];
refuses('5.9: value_scale_index 40', plainTables(1, 1, 1, ...none(44), ...scale40), ValueError);
refuses('5.9: value_scale_index 40 in version 0.7', tablesOfVersion(7, 1, 1, ...none(37), ...scale40), ValueError);
refuses('5.9: a bit of align', plainTables(1, 0, 0, 0, 0, 0, 0, 1), ValueError);
refuses('5.9: network_flag 1 without NETWORK units', file(hybrid.filter((u) => u.type !== NETWORK)), UnitMissing);

for (const minor of [5, 6]) {
  for (const [name, bit] of [['deblocking_flag', 5], ['intra_flag', 6]]) {
    const bits = [1, 0, 0, 0, 0, 0, 0, 0];
    bits[bit] = 1;
    refuses(`5.9: ${name} is a bit of align in version 0.${minor}`, tablesOfVersion(minor, ...bits), ValueError);
  }
  const of7 = inventUnits(5, { ...WANTED, minor: 7 });
  refuses(`5.9: fields of version 0.7 in a file of 0.${minor}`, file(of7, { minor }));
  const older = { ...WANTED, minor, chroma_format: 3 };
  test(`3.7: 4:4:4 of version 0.${minor} at scale 1, which is that of 0.7 with both flags 0`, () => {
    const newer = file(inventUnits(6, { ...older, minor: 7, deblocking: 0, intra: 0 }), { minor: 7 });
    assert.equal(decodeAll(file(inventUnits(6, older), { minor })), decodeAll(newer));
  });
}

/** The tables of a 4:2:0 segment whose TABLES unit has these bits, and 0 after them. */
const tablesOf = (version_minor, ...bits) => {
  const payload = Uint8Array.from(payloadOf(bits));
  return readResidualTables({ version_minor, read: () => new BitReader(payload, 'test') }, { chroma_format: 1 }, 0);
};
test('5.9: custom_level_flag', () => {
  const defaults = tablesOf(8, ...none(7));
  assert.deepEqual(tablesOf(8, 0, 1, ...none(8), ...none(5)), defaults);
  // of set 0, kind 1: binary_table[0] of level 3 and value_scale_index[9] of level 2
  const level3 = [1, 1, ...bits(6, 63), ...none(12), ...none(13)];
  const level2 = [1, ...none(61), ...none(9), 1, ...bits(6, 39)];
  const { sets } = tablesOf(8, 0, 1, ...none(6), ...level2, ...level3, ...none(5));
  defaults.sets[0][1][3].bin[0] = 263;
  defaults.sets[0][1][2].scale[9] = 39;
  assert.deepEqual(sets, defaults.sets);
});
test('5.9: versions have tables of their own', () => {
  const counts = (minor) => tablesOf(minor, ...none(7)).sets[2][1].map(({ bin, scale }) => [bin.length, scale.length]);
  const older = [[37, 3], [37, 3], [29, 3], [5, 3]];
  for (const minor of [5, 6, 7]) assert.deepEqual(counts(minor), older);
  for (const minor of [8, 200]) assert.deepEqual(counts(minor), [[44, 12], [44, 12], [61, 10], [13, 13]]);
});

/**
 * Two pictures, the second of which has nothing but a field, in units that are the same for all of these versions; their
 * rules differ in all planes, but exact and rounded vectors not in luma of scale 1.
 */
const moved = (seed, units, minor) => {
  const wanted = { ...WANTED, network: 0, gops: [[2, 0]], deblocking: 0, intra: 0, adaptive: 0, minor: units };
  return file(inventUnits(seed, wanted), { minor });
};
const RULES = {
  rounded: { exact: false, interpolate: fourTaps },
  four: { exact: true, interpolate: fourTaps },
  eight: { exact: true, interpolate: eightTaps },
};
for (const [seed, stepped, units, versions] of [
  [4755, 0, 7, { rounded: [5, 6], four: [7] }],
  [1121, 1, 7, { rounded: [5, 6], four: [7] }],
  [19, 0, 8, { rounded: [], four: [8], eight: [9, 200] }],
  [417, 1, 8, { rounded: [], four: [8], eight: [9, 200] }],
]) {
  for (const [s, scale] of ['1', '1/2', '1/4', '1/8'].entries()) {
    test(`6.11: alignment depends on version_minor, stepped_flag ${stepped}, units of 0.${units}, at ${scale}`, () => {
      const picturesOf = (minor) => [...decode(moved(seed, units, minor), { scale })].map(({ planes }) => planes);
      const { container, sequence } = new Decoder(moved(seed, units, units));
      const [field] = readFields(container, sequence, { segment: 0, number: 0 }, codingOrder(2, 0), null).get(1);
      assert.equal(field.stepped, stepped);
      const [reference] = picturesOf(units);
      const aligned = (rule) => alignPlanes(sequence, s, reference, field, rule).map(({ samples }) => [...samples]);
      const names = Object.keys(versions);
      const found = names.map((name) => aligned(RULES[name]));
      for (const [i, planes] of found.entries()) {
        for (const [j, others] of found.slice(0, i).entries()) {
          const isLumaOfExact = (p) => p === 0 && s === 0 && names[i] === 'four' && names[j] === 'rounded';
          planes.forEach((plane, p) => assert.equal(hex(plane) === hex(others[p]), isLumaOfExact(p)));
        }
        for (const minor of versions[names[i]]) {
          const [before, after] = picturesOf(minor);
          assert.deepEqual(before, reference);
          assert.deepEqual(after.map((plane) => [...plane]), planes);
        }
      }
    });
  }
}
test('3.7: a later version has the fields of 0.9', () => {
  assert.equal(decodeAll(file(hybrid, { minor: 200 })), decodeAll(HYBRID));
});
const filters = (...fields) => tablesOfVersion(9, 1, ...none(6), 1, ...fields);
refuses('5.9: adaptive_filter_flag is a bit of align in version 0.8', plainTables(1, ...none(6), 1), ValueError);
refuses('5.9: custom_filter_count 3', filters(1, 1, ...none(70)), ValueError);
refuses('5.9: filters end early', filters(), PayloadError);
refuses('5.9: filter_class_flag is cut off', filters(1, 0, ...none(22)), PayloadError);
refuses('5.9: filter_delta is cut off', filters(0, 1, ...none(14), 1, 0, 0, 0, ...none(4)), PayloadError);
refuses('5.9: a byte after the filters', filters(0, 1, ...none(15), ...none(7), ...none(8)), PayloadError);
refuses('5.9: a bit of align after the filters', filters(0, 1, ...none(15), 1), ValueError);
test('5.9: filters', () => {
  const of = (...fields) => tablesOf(9, ...none(6), 0, 1, ...fields).filters;
  assert.deepEqual([tablesOf(9, ...none(8)).filters, tablesOf(8, ...none(7)).filters], [null, null]);
  assert.deepEqual([of(0, 0), of(0, 1, ...none(15)), of(1, 0, ...none(30))].map(({ length }) => length), [1, 2, 3]);
});
refuses('5.9: intra_table ends early', plainTables(1, 0, 0, 0, 0, 0, 1, 1), PayloadError);
const cutOff = plainTables(1, ...none(5), 1, 1, ...none(10), 1, 1, 0, 1);
refuses('5.9: a number of intra_table is cut off', cutOff, PayloadError);
refuses('5.9: a byte after intra_table', plainTables(1, 0, 0, 0, 0, 0, 1, 0, ...none(8)), PayloadError);

/**
 * One picture, or a closed GoP of more, with these bits in its RESIDUAL unit of level 3, and no symbols there. flags:
 * of TABLES units, where they are not 0.
 */
const onePicture = (bits, { pictures = 1, network = 0, deblocking = 0, intra = 0, adaptive = 0 } = {}) => {
  const wanted = { ...WANTED, gops: [[pictures, 0]], network, deblocking, intra, adaptive };
  const units = inventUnits(7, wanted).filter((u) => u.type !== RESIDUAL);
  return file([...units, { type: RESIDUAL, segment: 0, gop: 0, level: 3, payload: [...payloadOf(bits), 1, 0, 0, 0] }]);
};
test('5.10: a picture with nothing is grey', () => {
  const [{ planes }] = decode(onePicture([0, 0, 0, 0]));
  assert.ok(planes.every((plane) => plane.every((sample) => sample === 128)));
});
test('5.10: a residual of no plane is 0', () => {
  assert.equal(decodeAll(onePicture([1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0])), decodeAll(onePicture([0, 0, 0, 0])));
});
test('5.10: intra_size is there with intra_flag and references alone', () => {
  const residual = [1, 0, 0, 0, 0, 0, 1, ...none(6)];
  const two = decodeAll(onePicture(none(5), { pictures: 2 }));
  assert.equal(decodeAll(onePicture([0, ...residual], { pictures: 2 })), two);
  assert.equal(decodeAll(onePicture([0, 0, 0, ...residual], { pictures: 2, intra: 1 })), two);
  assert.equal(decodeAll(onePicture(residual, { intra: 1 })), decodeAll(onePicture([0, 0, 0, 0])));
});
test('5.10: deblocked_flag is there with deblocking_flag alone, and changes no plane without coefficients', () => {
  const deblocked = [1, 1, 0, 1, 1, 1, 1, 0, ...none(6)];
  assert.equal(decodeAll(onePicture(deblocked, { deblocking: 1 })), decodeAll(onePicture([0, 0, 0, 0])));
});
const levelAfterDeblocked = [0, 1, 1, ...none(6), 1, 0, 0, 0, 0, 0];
refuses('5.10: deblocked_flag is there with a residual alone, else a level would not be missing',
  onePicture(levelAfterDeblocked, { pictures: 2, deblocking: 1 }), UnitMissing);
test('5.10: filter_index and filter_whole_flag, of a picture without a residual', () => {
  const grey = decodeAll(onePicture([0, 0, 0, 0]));
  // of a picture with deblocked_flag: residual_flag, deblocked_flag, filter_index, filter_whole_flag, qp, levels, planes
  const residual = [1, 1, 0, 1, 1, 0, ...none(5), 0, 0, 0, 0, 0, 0];
  assert.equal(decodeAll(onePicture(residual, { deblocking: 1, adaptive: 1 })), grey);
  for (const fields of [[0, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1]]) {
    assert.equal(decodeAll(onePicture([...fields, 0, 0, 0], { adaptive: 1 })), grey);
  }
});
for (const [count, highest] of [[0, 1], [1, 2], [2, 3]]) {
  const withIndex = (filter_index) => {
    const bits = [0, ...(filter_index > 1 ? [1] : [0]), filter_index & 1, 1, 0, 0, 0];
    const tables = [0, ...none(6), 1, count >> 1, count & 1, ...none(15 * count)];
    return changed(onePicture(bits, { adaptive: 1 }), [TABLES], () => payloadOf(tables));
  };
  test(`5.10: filter_index ${highest} with custom_filter_count ${count}`, () => decodeAll(withIndex(highest)));
  if (highest < 3) refuses(`5.10: filter_index ${highest + 1} with count ${count}`, withIndex(highest + 1), ValueError);
}
refuses('7.11: blocks without symbols', onePicture([0, 0, 1, ...none(4)], { pictures: 2, intra: 1 }), EntropyError);
for (const l of [2, 1, 0]) {
  const bits = [0, 0, 0, 0];
  bits[3 - l] = 1;
  refuses(`5.10: residual_level_flag of level ${l} without a residual`, onePicture(bits), ValueError);
  refuses('the same at 1/8', onePicture(bits), ValueError, { scale: '1/8' });
}
refuses('5.10: a level that is announced is missing', onePicture([1, ...none(6), 1, 0, 0, 0, 0, 0]), UnitMissing);

/** Reads these bits as the fields of the MOTION unit of a closed GoP of two pictures. */
const motionHeader = (bits, side = 33) => () => {
  const w = new Array(Math.ceil(bits.length / 8)).fill(0);
  bits.forEach((bit, i) => setBits(w, i, 1, bit));
  const order = [{ references: [] }, { references: [0] }];
  return readMotionHeader(new BitReader(Uint8Array.from(w), 'test'), { width: side, height: side, profile: 2 }, order);
};
const refusesHeader = (name, kind, ...parameters) =>
  test(name, () => assert.throws(motionHeader(...parameters), (error) => error instanceof kind));
const stepped = (block_log2_minus3, split_depth) =>
  [...bits(2, block_log2_minus3), 1, ...bits(2, split_depth), 1];
test('5.8: split_depth as large as block_log2_minus3', () => {
  for (let b = 0; b < 4; b++) assert.equal(motionHeader([...stepped(b, b), ...none(60)])().pictures[0].fine_log2, 3);
});
for (let b = 0; b < 3; b++) {
  refusesHeader(`5.8: split_depth ${b + 1} with block_log2_minus3 ${b}`, ValueError, [...stepped(b, b + 1), ...none(60)]);
}
refusesHeader('5.8: split_scale_index', ValueError, [...stepped(1, 1), ...none(15), 1, ...bits(6, 40), ...none(60)]);
refusesHeader('5.8: custom vector_scale_index', ValueError, [...stepped(1, 0), 1, ...bits(6, 40), ...none(60)]);
test('5.8: tables of splits are there only if a block may be split', () => {
  const { splitTables, vector_scale_index } = motionHeader([...stepped(3, 0), 1, ...bits(6, 39), ...none(25)])();
  assert.equal(splitTables, null);
  assert.equal(vector_scale_index[0], 39);
});
refusesHeader('5.8: a bit of align', ValueError, [...stepped(1, 0), 1, ...bits(6, 39), ...none(25), 0, 1]);
refusesHeader('5.8: fields that end early', PayloadError, [...stepped(1, 1), ...none(15)]);
test('3.6: nodes at the most', () => motionHeader([...stepped(3, 3), ...none(60)], 46336)());
refusesHeader('3.6: nodes count at the last size of the blocks', ValueError, [...stepped(3, 3), ...none(60)], 46337);

const moving = hybrid.find((u) => u.type === MOTION);
const keyOfMotion = [MOTION, 0, moving.gop];
refuses('7.10: words that go on', hybridChanged(keyOfMotion, (p) => [...p, 1, 0, 0, 0]), EntropyError);
refuses('7.10: no words', hybridChanged(keyOfMotion, (p) => p.slice(0, moving.fields)), EntropyError);
refuses('5.8: no MOTION unit', file(hybrid.filter((u) => u !== moving)), UnitMissing);
