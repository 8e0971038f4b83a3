// Sections 3.1 to 3.5, 3.7 and 5.6: file header, units, index, footer. Finds a unit by its key.

import { BitReader, readLittleEndian, readVarint } from './bits.mjs';
import { crc32c } from './crc32c.mjs';
import { HeaderError, MsnError, UnitError, UnitMissing, ValueError } from './errors.mjs';
import { MAX_PAYLOAD, MAX_UNITS } from './limits.mjs';

export const SEQUENCE = 1;
export const SEGMENT = 2;
export const NETWORK = 3;
export const GOP = 4;
export const DIGEST = 5;
export const INDEX = 6;
export const MOTION = 7;
export const RESIDUAL = 8;
export const TABLES = 9;

const NAMES = [null, 'SEQUENCE', 'SEGMENT', 'NETWORK', 'GOP', 'DIGEST', 'INDEX', 'MOTION', 'RESIDUAL', 'TABLES'];
const MAGIC = [0x89, 0x4d, 0x53, 0x4e];
const FOOTER_MAGIC = [0x4d, 0x53, 0x4e, 0x58];
const FILE_HEADER_BYTES = 8;
const FOOTER_BYTES = 12;
const CRC_BYTES = 4;

const matches = (bytes, start, expected) => expected.every((byte, i) => bytes[start + i] === byte);
const keyText = (u) => `${u.type}/${u.segment}/${u.gop}/${u.level}`;

export class Container {
  constructor(bytes) {
    this.bytes = bytes;
    this.version_minor = readFileHeader(bytes);
    this.units = new Map(); // key -> {type, segment, gop, level, start, size}
    for (const unit of unitsOfIndex(bytes) ?? scan(bytes)) this.add(unit);
  }

  add(unit) {
    if (!NAMES[unit.type]) return;
    const key = keyText(unit);
    if (this.units.has(key)) throw new UnitError(`${describe(unit)}: occurs twice`);
    this.units.set(key, unit);
  }

  has(type, segment = 0, gop = 0, level = 0) {
    return this.units.has(keyText({ type, segment, gop, level }));
  }

  /** A reader of the unit's payload, after the checks of 3.2 and 3.5. */
  read(type, segment = 0, gop = 0, level = 0) {
    const key = { type, segment, gop, level };
    const unit = this.units.get(keyText(key));
    if (!unit) throw new UnitMissing(`${describe(key)}: not in the file`);
    const header = readUnitHeader(this.bytes, unit.start, this.bytes.length);
    if (!header || keyText(header) !== keyText(unit) || header.size !== unit.size) {
      throw new UnitError(`${describe(unit)}: its header at byte ${unit.start} differs from the index`);
    }
    const payload = checkedPayload(this.bytes, header);
    if (!payload) throw new UnitError(`${describe(unit)}: wrong CRC, unit at byte ${unit.start}`);
    return new BitReader(payload, describe(unit));
  }
}

function describe({ type, segment, gop, level }) {
  return `${NAMES[type]} unit (segment ${segment}, gop ${gop}, level ${level})`;
}

function readFileHeader(bytes) {
  if (bytes.length < FILE_HEADER_BYTES || !matches(bytes, 0, MAGIC)) throw new HeaderError('not an .msn file');
  const [major, minor] = [bytes[4], bytes[5]];
  if (major !== 0) throw new HeaderError(`version ${major}.${minor} of the format; this decoder knows 0.8`);
  const flags = readLittleEndian(bytes, 6, 2);
  if (flags) throw new HeaderError(`file header: flags is ${flags}, allowed is 0`);
  return minor;
}

/** The header of the unit at `start`, or null if it is invalid or the unit does not end by `end`. */
function readUnitHeader(bytes, start, end) {
  const type = bytes[start];
  const segment = readVarint(bytes, start + 1);
  const gop = segment && readVarint(bytes, segment.end);
  if (!gop) return null;
  const level = bytes[gop.end];
  const length = readVarint(bytes, gop.end + 1);
  if (!length || length.value > MAX_PAYLOAD || length.end + length.value + CRC_BYTES > end) return null;
  return {
    type, level, start, segment: segment.value, gop: gop.value,
    payload: length.end, payload_length: length.value,
    size: length.end + length.value + CRC_BYTES - start,
  };
}

/** The unit's payload, or null if the CRC differs. */
function checkedPayload(bytes, header) {
  const end = header.payload + header.payload_length;
  if (crc32c(bytes.subarray(header.start, end)) !== readLittleEndian(bytes, end, CRC_BYTES)) return null;
  return bytes.subarray(header.payload, end);
}

/** 3.5, by the index: the units, the INDEX unit last, or null if the index is not valid. */
function unitsOfIndex(bytes) {
  const footer = bytes.length - FOOTER_BYTES;
  if (footer < FILE_HEADER_BYTES || !matches(bytes, footer + 8, FOOTER_MAGIC)) return null;
  const offset = readLittleEndian(bytes, footer, 8);
  if (offset < FILE_HEADER_BYTES || offset >= footer) return null;
  const header = readUnitHeader(bytes, offset, footer);
  if (!header || header.type !== INDEX || header.segment || header.gop || header.level) return null;
  if (offset + header.size !== footer) return null;
  const payload = checkedPayload(bytes, header);
  if (!payload) return null;
  try {
    const units = readIndex(new BitReader(payload, 'INDEX unit'));
    const end = units.length ? units.at(-1).start + units.at(-1).size : FILE_HEADER_BYTES;
    return end === offset ? [...units, header] : null;
  } catch (error) {
    if (error instanceof MsnError) return null;
    throw error;
  }
}

/** 5.6 */
function readIndex(r) {
  const units = [];
  let start = FILE_HEADER_BYTES;
  const entry_count = r.varint('entry_count', 0, MAX_UNITS);
  for (let i = 0; i < entry_count; i++) {
    const type = r.u('unit_type', 8);
    const segment = r.varint('segment');
    const gop = r.varint('gop');
    const level = r.u('level', 8);
    const size = r.varint('unit_size', 9);
    units.push({ type, segment, gop, level, start, size });
    start += size;
  }
  r.end();
  return units;
}

/** 3.5, by scanning. */
function scan(bytes) {
  const units = [];
  let at = FILE_HEADER_BYTES;
  while (at < bytes.length) {
    const left = bytes.length - at;
    if (left === FOOTER_BYTES && matches(bytes, at + 8, FOOTER_MAGIC)) break;
    const header = readUnitHeader(bytes, at, bytes.length);
    if (!header) break;
    if (header.type === INDEX) return [...units, header];
    if (units.length === MAX_UNITS) throw new ValueError(`more than ${MAX_UNITS} units in the file`);
    units.push(header);
    at += header.size;
  }
  return units;
}
