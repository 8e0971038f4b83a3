// Sections 5.9 and 6.16: the coefficients of a segment's adaptive filters.

import { clampTo } from './structure.mjs';

/** D of 6.16, by class. */
export const DEFAULT_FILTER = [
  [2, 4, 3, 2, 2, 2, 2, 11, 2, 3, 10, 6],
  [2, 4, 3, 2, 2, 0, 3, 10, 3, 0, 10, 13],
  [-1, 4, 9, 5, 1, -1, 0, 6, 8, 2, 10, 10],
  [7, 7, -10, 0, 6, 7, 7, 8, 1, 8, 10, -5],
  [7, 5, -9, -2, 6, 7, 7, 4, 0, 6, 12, 4],
  [5, 6, -7, -2, 8, 3, 6, 0, 2, 4, 9, 14],
  [11, 4, -6, 0, 6, 13, 12, 0, 0, 8, 2, -7],
  [10, 2, -3, -3, 9, 13, 11, -3, -2, 13, 4, -6],
  [9, 3, 0, -6, 10, 10, 9, -5, -2, 11, 4, 6],
  [14, -2, -2, -2, 8, 18, 10, -2, -1, 1, -1, -5],
  [11, -2, 1, -3, 8, 17, 10, -4, -2, 10, 0, -6],
  [7, 1, 2, -3, 5, 16, 8, -6, -4, 15, -1, -2],
  [14, -9, 2, -2, 6, 18, 4, -1, -1, -10, 0, 2],
  [8, -5, 3, -3, 5, 22, 3, -2, 0, -6, 1, -2],
  [1, -1, 1, 0, 2, 23, 2, -2, -2, 7, 0, -5],
];

/** The filters of a TABLES unit, by filter_index - 1; each has its coefficients by class. */
export function readFilters(r) {
  const custom_filter_count = r.u('custom_filter_count', 2, 0, 2);
  return [DEFAULT_FILTER, ...Array.from({ length: custom_filter_count }, (_, n) => readFilter(r, n))];
}

function readFilter(r, n) {
  return DEFAULT_FILTER.map((own, c) => {
    if (!r.flag(`filter_class_flag[${n}][${c}]`)) return own;
    const w = r.u(`filter_width_minus1[${n}][${c}]`, 3) + 1;
    return own.map((d, t) => clampTo(d + r.u(`filter_delta[${n}][${c}][${t}]`, w) - 2 ** (w - 1), -128, 127));
  });
}
