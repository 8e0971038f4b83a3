// Sections 5.10 and 8.3: RESIDUAL units, picture by picture.

import { Coder } from './ans.mjs';
import { COARSEST, noCoefficients } from './bands.mjs';
import { readChoices } from './choices.mjs';
import { bandReader } from './coefficients.mjs';
import { RESIDUAL } from './container.mjs';
import { ValueError } from './errors.mjs';
import { readIntra } from './intra.mjs';
import { ceilShift, planeSizes } from './structure.mjs';

/** What a GoP's pictures have besides vectors, at levels 3 down to s. */
export class ResidualReader {
  /** tables: of the segment's TABLES unit; order: the GoP's pictures in coding order. */
  constructor(container, sequence, tables, gop, order, s) {
    this.sequence = sequence;
    this.tables = tables;
    this.readBand = bandReader(container.version_minor);
    this.blocks = planeSizes(sequence, 0).map(([rows, columns]) => [ceilShift(rows, 3), ceilShift(columns, 3)]);
    const read = (l) => container.read(RESIDUAL, gop.segment, gop.number, l);
    const r = read(COARSEST);
    this.headers = order.map((picture, i) => readPictureHeader(r, i, picture, tables));
    const levelFlags = readLevelFlags(r, this.headers);
    this.units = [];
    this.units[COARSEST] = this.readUnit(r);
    for (let l = COARSEST - 1; l >= s; l--) if (levelFlags[l]) this.units[l] = this.readUnit(read(l));
    this.next = 0;
  }

  /** The rest of a unit: plane_flag[i][p] and a coder. */
  readUnit(r) {
    const plane_flag = this.headers.map(({ residual_flag }, i) =>
      residual_flag && this.blocks.map((_, p) => r.flag(`plane_flag[${i}][${p}]`)));
    return { plane_flag, d: new Coder(r.rest(), r.what) };
  }

  /**
   * {network_flag, deblocked_flag, filter, filter_whole_flag, qp, choices, intra, planes} of the next picture in coding
   * order; filter: null if there is none; choices, intra: null where all are 0; planes: coefficients, null where all
   * are 0.
   */
  read(picture) {
    const i = this.next++;
    const { choice_size, intra_size, residual_flag, filter_index, ...header } = this.headers[i];
    const { d } = this.units[COARSEST];
    const choices = choice_size ? readChoices(d, this.sequence, choice_size, this.tables.choice) : null;
    const intra = intra_size ? readIntra(d, this.sequence, intra_size, this.tables.intra) : null;
    const set = this.tables.sets[setOf(picture)];
    const planes = this.blocks.map((_, p) => (residual_flag ? this.readPlane(i, p, set[p ? 1 : 0]) : null));
    const filter = filter_index ? this.tables.filters[filter_index - 1] : null;
    return { ...header, filter, choices, intra, planes };
  }

  readPlane(i, p, tables) {
    let plane = null;
    for (let l = COARSEST; l >= 0; l--) {
      if (!this.units[l]?.plane_flag[i][p]) continue;
      plane ??= noCoefficients(...this.blocks[p]);
      this.readBand(this.units[l].d, l, plane, tables[l]);
    }
    return plane;
  }

  endCheck() {
    for (const unit of this.units) unit?.d.endCheck();
  }
}

/** t of 7.7. */
export const setOf = ({ references, depth }) => (references.length === 0 ? 0 : depth === 0 ? 1 : 2);

function readPictureHeader(r, i, { references }, tables) {
  const choice_size = references.length === 2 ? r.u(`choice_size[${i}]`, 2) : 0;
  const intra_size = tables.intra_flag && references.length ? r.u(`intra_size[${i}]`, 2) : 0;
  const network_flag = tables.network_flag ? r.flag(`network_flag[${i}]`) : 0;
  const residual_flag = r.flag(`residual_flag[${i}]`);
  const deblocked_flag = tables.deblocking_flag && residual_flag ? r.flag(`deblocked_flag[${i}]`) : 0;
  const filter_index = tables.filters ? r.u(`filter_index[${i}]`, 2, 0, tables.filters.length) : 0;
  const filter_whole_flag = filter_index ? r.flag(`filter_whole_flag[${i}]`) : 0;
  const qp = network_flag || residual_flag ? r.u(`qp[${i}]`, 6) : 0;
  return {
    choice_size, intra_size, network_flag, residual_flag, deblocked_flag, filter_index, filter_whole_flag, qp,
  };
}

function readLevelFlags(r, headers) {
  const flags = [];
  for (let l = COARSEST - 1; l >= 0; l--) flags[l] = r.flag(`residual_level_flag[${l}]`);
  if (flags.includes(1) && !headers.some(({ residual_flag }) => residual_flag)) {
    throw new ValueError(`${r.what}: residual_level_flag is 1 where no picture has a residual`);
  }
  return flags;
}
