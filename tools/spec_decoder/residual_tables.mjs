// Sections 5.9 and 7.8: TABLES units, which tables a segment's residuals, choices and intra blocks use, and its filters.

import { MINOR_OF_PREDICTIONS, SETS, tableCounts } from './coefficient_counts.mjs';
import { CHOICE_DEFAULTS, DEFAULTS, DEFAULTS_OF_7, INTRA_DEFAULTS } from './coefficient_tables.mjs';
import { TABLES } from './container.mjs';
import { readFilters } from './filter_coefficients.mjs';
import { FIRST_BINARY_TABLE } from './tables.mjs';

const MINOR_OF_INTRA = 7; // the first version_minor with deblocking_flag and intra_flag
export const MINOR_OF_FILTERS = 9; // the first with adaptive_filter_flag

/**
 * {network_flag, deblocking_flag, intra_flag, sets, choice, intra, filters}; sets[t][k][l] is {bin, scale}; bin, choice and
 * intra are numbers of tables, scale is value_scale_index, by c; intra is null with intra_flag 0,
 * filters (filter_coefficients.mjs) with adaptive_filter_flag 0.
 */
export function readResidualTables(container, sequence, segment) {
  const r = container.read(TABLES, segment);
  const { version_minor } = container;
  const kinds = sequence.chroma_format === 0 ? 1 : 2;
  const network_flag = r.flag('network_flag');
  const sets = [];
  for (let t = 0; t < SETS; t++) {
    const custom = r.flag(`custom_set_flag[${t}]`);
    sets.push(Array.from({ length: kinds }, (_, k) => readKind(custom ? r : null, version_minor, t, k)));
  }
  const choice = readBinaryTables(r, 'choice', CHOICE_DEFAULTS);
  const newer = version_minor >= MINOR_OF_INTRA;
  const deblocking_flag = newer ? r.flag('deblocking_flag') : 0;
  const intra_flag = newer ? r.flag('intra_flag') : 0;
  const intra = intra_flag ? readBinaryTables(r, 'intra', INTRA_DEFAULTS) : null;
  const filters = version_minor >= MINOR_OF_FILTERS && r.flag('adaptive_filter_flag') ? readFilters(r) : null;
  r.end();
  return { network_flag, deblocking_flag, intra_flag, sets, choice, intra, filters };
}

/** The tables of one kind, by level; r is null if all are defaults. */
function readKind(r, version_minor, t, k) {
  const hasLevelFlags = version_minor >= MINOR_OF_PREDICTIONS;
  return defaultsOf(version_minor, t, k).map(({ binary_table, value_scale_index }, l) => {
    const custom = r && (!hasLevelFlags || r.flag(`custom_level_flag[${t}][${k}][${l}]`));
    const read = (name, c, fallback, highest) => {
      const index = `[${t}][${k}][${l}][${c}]`;
      return custom && r.flag(`custom_${name}${index}`) ? r.u(name + index, 6, 0, highest) : fallback;
    };
    const bin = binary_table.map((number, c) => FIRST_BINARY_TABLE + read('binary_table', c, number, 63));
    const scale = value_scale_index.map((index, c) => read('value_scale_index', c, index, 39));
    return { bin, scale };
  });
}

/** The tables of choices or intra blocks, by name. */
function readBinaryTables(r, name, defaults) {
  const custom = r.flag(`custom_${name}_flag`);
  return defaults.map((fallback, c) => {
    const coded = custom && r.flag(`custom_${name}_table[${c}]`);
    return FIRST_BINARY_TABLE + (coded ? r.u(`${name}_table[${c}]`, 6) : fallback);
  });
}

/** 7.8 */
function defaultsOf(version_minor, t, k) {
  const line = (version_minor >= MINOR_OF_PREDICTIONS ? DEFAULTS : DEFAULTS_OF_7)[2 * t + k];
  const { binary, value } = tableCounts(version_minor);
  const levels = [];
  let at = 0;
  for (const count of binary) levels.push({ binary_table: line.slice(at, (at += count)) });
  for (const [l, count] of value.entries()) levels[l].value_scale_index = line.slice(at, (at += count));
  return levels;
}
