// Section 7.1: the 264 frequency tables, each made when it is first used.

import { ONES } from './coefficient_tables.mjs';

const THETA = [
  145315154, 199759078, 261044606, 326914198, 395007542, 463130302, 529428476, 592470630,
  651257337, 705182512, 753969162, 797596699, 836230973, 870163178, 899760092, 925425813,
  947573834, 966607779, 982908970, 996829173, 1008687096, 1018767490, 1027321989, 1034571010,
  1040706261, 1045893524, 1050275481, 1053974460, 1057095000, 1059726201, 1061943836, 1063812229,
  1065385899, 1066710993, 1067826536, 1068765495, 1069555701, 1070220635, 1070780095, 1071250770,
];
const TOTAL = 2 ** 24;
const SYMBOLS = 256;
export const FIRST_BINARY_TABLE = 5 * THETA.length; // the first of what is 0 or 1
export const TABLE_COUNT = FIRST_BINARY_TABLE + ONES.length;
export const JUMP_SHIFT = 14; // jump[m >> 14] is the first symbol that m may be

const tails = new Array(THETA.length); // E of each scale
const tables = new Array(TABLE_COUNT);

/** {cumulative: 257 sums, of symbol k at k + 128; jump}. */
export function table(number) {
  return (tables[number] ??= makeTable(number));
}

function makeTable(number) {
  const frequency = number < FIRST_BINARY_TABLE
    ? frequencies(Math.floor(number / 5), number % 5)
    : binaryFrequencies(ONES[number - FIRST_BINARY_TABLE]);
  const cumulative = new Int32Array(SYMBOLS + 1);
  for (let k = 0; k < SYMBOLS; k++) cumulative[k + 1] = cumulative[k] + frequency[k];
  const jump = new Uint8Array(TOTAL >> JUMP_SHIFT);
  for (let i = 0, k = 0; i < jump.length; i++) {
    while (cumulative[k + 1] <= i << JUMP_SHIFT) k++;
    jump[i] = k;
  }
  return { cumulative, jump };
}

function frequencies(i, f) {
  const E = (tails[i] ??= makeTail(BigInt(THETA[i])));
  const F = (n) => (n < 0 ? E[-n] : (1n << 31n) - E[n]);
  const bound = (k) => (k === -129 ? 0n : k === 127 ? 1n << 31n : F(8 * k + 4 - f));
  const frequency = new Int32Array(SYMBOLS);
  let sum = 0;
  for (let k = -128; k < 128; k++) {
    const share = ((bound(k) - bound(k - 1)) * BigInt(TOTAL - SYMBOLS)) >> 31n;
    frequency[k + 128] = 1 + Number(share);
    sum += frequency[k + 128];
  }
  frequency[128] += TOTAL - sum;
  return frequency;
}

function binaryFrequencies(ones) {
  const frequency = new Int32Array(SYMBOLS).fill(1);
  frequency[128] = TOTAL - (SYMBOLS - 2) - ones;
  frequency[129] = ones;
  return frequency;
}

function makeTail(theta) {
  const E = [1n << 30n];
  for (let n = 1; n <= 1024; n++) E.push((E[n - 1] * theta + (1n << 29n)) >> 30n);
  return E;
}
