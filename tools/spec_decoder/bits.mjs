// Section 2.3: bits and bytes. A reader that cannot run past its end, with a range check beside each field.

import { PayloadError, ValueError } from './errors.mjs';

export class BitReader {
  /** bytes: a payload; what: its unit, for messages. */
  constructor(bytes, what) {
    this.bytes = bytes;
    this.what = what;
    this.bit = 0;
  }

  /** u(n), n <= 32, refused outside low..high. */
  u(name, n, low = 0, high = 2 ** n - 1) {
    if (this.bit + n > this.bytes.length * 8) throw new PayloadError(`${this.what}: ends within ${name}`);
    let value = 0;
    for (let left = n; left > 0; ) {
      const room = 8 - (this.bit & 7);
      const take = Math.min(room, left);
      const bits = (this.bytes[this.bit >> 3] >> (room - take)) & ((1 << take) - 1);
      value = value * 2 ** take + bits;
      this.bit += take;
      left -= take;
    }
    this.check(name, value, low, high);
    return value;
  }

  flag(name) {
    return this.u(name, 1);
  }

  /** varint at a byte boundary. */
  varint(name, low = 0, high = 2 ** 32 - 1) {
    const found = readVarint(this.bytes, this.bit >> 3);
    if (!found) throw new PayloadError(`${this.what}: ${name} is no varint, at byte ${this.bit >> 3} of the payload`);
    this.bit = found.end * 8;
    this.check(name, found.value, low, high);
    return found.value;
  }

  /** b(n) at a byte boundary. */
  b(name, n) {
    const start = this.bit >> 3;
    if (start + n > this.bytes.length) throw new PayloadError(`${this.what}: ends within ${name}`);
    this.bit += n * 8;
    return this.bytes.subarray(start, start + n);
  }

  align() {
    if (this.bit & 7) this.u('align', 8 - (this.bit & 7), 0, 0);
  }

  /** The payload MUST be consumed exactly. */
  end() {
    this.align();
    const left = this.bytes.length - (this.bit >> 3);
    if (left) throw new PayloadError(`${this.what}: goes on for ${left} bytes after its last field`);
  }

  /** What follows the fields and align: the words of 7.4. */
  rest() {
    this.align();
    return this.bytes.subarray(this.bit >> 3);
  }

  check(name, value, low, high) {
    if (value < low || value > high) {
      throw new ValueError(`${this.what}: ${name} is ${value}, allowed are ${low}..${high}`);
    }
  }
}

/** The varint at `start`, as {value, end}, or null if it is cut off or out of form. */
export function readVarint(bytes, start) {
  let value = 0;
  for (let i = 0; i < 5; i++) {
    if (start + i >= bytes.length) return null;
    const byte = bytes[start + i];
    value += (byte & 127) * 2 ** (7 * i);
    if (byte < 128) {
      const minimal = i === 0 || byte !== 0;
      return minimal && value < 2 ** 32 ? { value, end: start + i + 1 } : null;
    }
  }
  return null;
}

/** le(n), n <= 8. Values from 2^53 on lose low bits; no valid one is as large. */
export function readLittleEndian(bytes, start, n) {
  let value = 0;
  for (let i = n - 1; i >= 0; i--) value = value * 256 + bytes[start + i];
  return value;
}
