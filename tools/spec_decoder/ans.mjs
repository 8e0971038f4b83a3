// Sections 7.3 and 7.4: the entropy decoder. The 64-bit state is two halves of 32 bits.

import { EntropyError } from './errors.mjs';
import { JUMP_SHIFT, TABLE_COUNT, table } from './tables.mjs';

export class Coder {
  /** words: the coded part of the unit `what`. */
  constructor(words, what) {
    const n = words.length;
    if (n === 0 || n % 4) throw new EntropyError(`${what}: a coded part of ${n} bytes`);
    if (!(words[n - 1] | words[n - 2] | words[n - 3] | words[n - 4])) {
      throw new EntropyError(`${what}: its last word is 0`);
    }
    this.words = words;
    this.what = what;
    this.left = n; // bytes
    this.high = 0;
    this.low = this.takeWord();
    if (this.left) this.append();
  }

  takeWord() {
    const { words } = this;
    const at = (this.left -= 4);
    return (words[at] | (words[at + 1] << 8) | (words[at + 2] << 16) | (words[at + 3] << 24)) >>> 0;
  }

  append() {
    this.high = this.low;
    this.low = this.takeWord();
  }

  decode({ cumulative, jump }) {
    const m = this.low & 0xffffff;
    let k = jump[m >> JUMP_SHIFT];
    while (cumulative[k + 1] <= m) k++;
    const frequency = cumulative[k + 1] - cumulative[k];
    // (state >> 24) * frequency + m - cumulative, in parts below 2^53: state >> 24 has 24 + 16 bits
    const upper = (this.high >>> 8) * frequency;
    const lower = (((this.high & 0xff) << 8) | (this.low >>> 24)) * frequency + (m - cumulative[k]);
    const sum = (upper & 0xffff) * 0x10000 + lower;
    this.high = Math.floor(upper / 0x10000) + Math.floor(sum / 0x100000000);
    this.low = sum >>> 0;
    if (this.high === 0 && this.left) this.append();
    return k - 128;
  }

  /** An array whose symbols are all under one table. */
  decodeUniform(number, count) {
    const t = table(number);
    const symbols = new Int16Array(count);
    for (let i = 0; i < count; i++) symbols[i] = this.decode(t);
    return symbols;
  }

  /** An array, with the number of each symbol's table: in order of the tables, then in raster order (7.3). */
  decodeArray(numbers) {
    const starts = new Int32Array(TABLE_COUNT + 1);
    for (const number of numbers) starts[number + 1]++;
    for (let t = 0; t < TABLE_COUNT; t++) starts[t + 1] += starts[t];
    const next = starts.slice();
    const places = new Int32Array(numbers.length);
    for (let i = 0; i < numbers.length; i++) places[next[numbers[i]]++] = i;
    const symbols = new Int16Array(numbers.length);
    for (let number = 0; number < TABLE_COUNT; number++) {
      if (starts[number] === starts[number + 1]) continue;
      const t = table(number);
      for (let i = starts[number]; i < starts[number + 1]; i++) symbols[places[i]] = this.decode(t);
    }
    return symbols;
  }

  endCheck() {
    if (this.high !== 0 || this.low !== 1 || this.left) {
      throw new EntropyError(`${this.what}: the entropy decoder does not end at its start`);
    }
  }
}
