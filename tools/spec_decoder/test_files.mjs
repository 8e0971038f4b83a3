// Writes files for the tests: sections 3 and 7.4 from an encoder's side.

import { readVarint } from './bits.mjs';
import { Container, INDEX } from './container.mjs';
import { crc32c } from './crc32c.mjs';
import { table } from './tables.mjs';

function varint(value) {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return [...bytes, value];
}

const le = (value, n) => Array.from({ length: n }, (_, i) => Math.floor(value / 256 ** i) % 256);

export function unitBytes({ type, segment, gop, level, payload, damaged = false }) {
  const head = [type, ...varint(segment), ...varint(gop), level, ...varint(payload.length), ...payload];
  return [...head, ...le((crc32c(Uint8Array.from(head)) ^ (damaged ? 1 : 0)) >>> 0, 4)];
}

/** A file of these units; changeIndex alters the entries [type, segment, gop, level, size]. */
export function file(units, { minor = 9, withIndex = true, changeIndex = (entries) => entries } = {}) {
  const parts = units.map(unitBytes);
  const entries = units.map((u, i) => [u.type, u.segment, u.gop, u.level, parts[i].length]);
  const header = [0x89, 0x4d, 0x53, 0x4e, 0, minor, 0, 0];
  const bytes = [...header, ...parts.flat()];
  if (!withIndex) return Uint8Array.from(bytes);
  const changed = changeIndex(entries);
  const lines = changed.flatMap(([type, segment, gop, level, size]) =>
    [type, ...varint(segment), ...varint(gop), level, ...varint(size)]);
  const payload = [...varint(changed.length), ...lines];
  const index = unitBytes({ type: INDEX, segment: 0, gop: 0, level: 0, payload });
  return Uint8Array.from([...bytes, ...index, ...le(bytes.length, 8), 0x4d, 0x53, 0x4e, 0x58]);
}

/** The units of a file, without INDEX, in file order. */
export function unitsOf(bytes) {
  const found = [...new Container(bytes).units.values()].filter((u) => u.type !== INDEX);
  return found.sort((a, b) => a.start - b.start).map((u) => {
    const size = readVarint(bytes, readVarint(bytes, readVarint(bytes, u.start + 1).end).end + 1);
    return { ...u, payload: [...bytes.subarray(size.end, size.end + size.value)] };
  });
}

export function setBits(payload, at, n, value) {
  for (let i = 0; i < n; i++) {
    const bit = Math.floor(value / 2 ** (n - 1 - i)) % 2;
    const mask = 128 >> ((at + i) & 7);
    if (bit) payload[(at + i) >> 3] |= mask;
    else payload[(at + i) >> 3] &= ~mask;
  }
}

/** The encoder of 7.4, for arrays of symbols under one table each. */
export function encodeWords(arrays) {
  let state = 1n;
  const words = [];
  const put = () => {
    words.push(Number(state & 0xffffffffn));
    state >>= 32n;
  };
  for (const { number, symbols } of [...arrays].reverse()) {
    const { cumulative } = table(number);
    for (const k of [...symbols].reverse()) {
      const frequency = BigInt(cumulative[k + 129] - cumulative[k + 128]);
      if (state >> 40n >= frequency) put();
      state = ((state / frequency) << 24n) | ((state % frequency) + BigInt(cumulative[k + 128]));
    }
  }
  while (state > 0n) put();
  return words.flatMap((word) => le(word, 4));
}
