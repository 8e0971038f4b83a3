// Sections 5.9 and 7.8: TABLES units, which tables a segment's residuals and choices use.

import { BINARY_TABLES_OF_LEVEL, SETS, VALUE_TABLES } from './coefficient_counts.mjs';
import { CHOICE_DEFAULTS, DEFAULTS } from './coefficient_tables.mjs';
import { TABLES } from './container.mjs';
import { FIRST_BINARY_TABLE } from './tables.mjs';

/** {network_flag, sets, choice}; sets[t][k][l] is {bin, val}; bin, val and choice are numbers of tables by c. */
export function readResidualTables(container, sequence, segment) {
  const r = container.read(TABLES, segment);
  const kinds = sequence.chroma_format === 0 ? 1 : 2;
  const network_flag = r.flag('network_flag');
  const sets = [];
  for (let t = 0; t < SETS; t++) {
    const custom = r.flag(`custom_set_flag[${t}]`);
    sets.push(Array.from({ length: kinds }, (_, k) => readKind(custom ? r : null, t, k)));
  }
  const choice = readChoiceTables(r);
  r.end();
  return { network_flag, sets, choice };
}

/** The tables of one kind, by level; r is null if all are defaults. */
function readKind(r, t, k) {
  return defaultsOf(t, k).map(({ binary_table, value_scale_index }, l) => {
    const read = (name, c, fallback, highest) => {
      const index = `[${t}][${k}][${l}][${c}]`;
      return r?.flag(`custom_${name}${index}`) ? r.u(name + index, 6, 0, highest) : fallback;
    };
    const bin = binary_table.map((number, c) => FIRST_BINARY_TABLE + read('binary_table', c, number, 63));
    const val = value_scale_index.map((scale, c) => 5 * read('value_scale_index', c, scale, 39) + 4);
    return { bin, val };
  });
}

/** 5.9 */
function readChoiceTables(r) {
  const custom = r.flag('custom_choice_flag');
  return CHOICE_DEFAULTS.map((fallback, c) => {
    const coded = custom && r.flag(`custom_choice_table[${c}]`);
    return FIRST_BINARY_TABLE + (coded ? r.u(`choice_table[${c}]`, 6) : fallback);
  });
}

/** 7.8 */
function defaultsOf(t, k) {
  const line = DEFAULTS[2 * t + k];
  const levels = [];
  let at = 0;
  for (const count of BINARY_TABLES_OF_LEVEL) levels.push({ binary_table: line.slice(at, (at += count)) });
  for (const level of levels) level.value_scale_index = line.slice(at, (at += VALUE_TABLES));
  return levels;
}
