// Sections 7.1 and 7.8: the numbers of the coefficients' tables, as data.

import { BINARY_TABLES_OF_LEVEL, VALUE_TABLES } from './coefficient_counts.mjs';

/** 7.1: frequency[1] of tables 200..263. */
export const ONES = Array.from({ length: 64 }, (_, j) => Math.round(2 ** 24 / (1 + 2 ** ((48 - j) / 4))));

/** 7.8: one line for each set t and kind k. */
export const DEFAULTS = Array.from({ length: 6 }, () => [
  ...BINARY_TABLES_OF_LEVEL.flatMap((count) => new Array(count).fill(24)),
  ...new Array(4 * VALUE_TABLES).fill(12),
]);
