// Section 7.7: the coefficients of a level's band in a plane.

import {
  COARSEST, countNeighbours, flagged, magnitudes, readFlags, readSignificance, readValues, valueTable,
} from './bands.mjs';
import { readCoarsestBand } from './coarsest_band.mjs';
import { MINOR_OF_PREDICTIONS } from './coefficient_counts.mjs';
import { readBandOf7 } from './coefficients_of_7.mjs';
import { size } from './predicted_values.mjs';
import { readSlopeBand } from './slope_band.mjs';

const ODD = 12; // the first bin of pass 2
const SIGNIFICANCE = 28; // of pass 3
const HIGH_VALUES = 6; // the first val of high frequencies
const HIGHEST_LOW = [6, 3]; // by level: the largest u + v that is not high

/** What decodes bands in files of this version: (d, l, plane, tables). */
export const bandReader = (version_minor) => (version_minor >= MINOR_OF_PREDICTIONS ? readBand : readBandOf7);

/** Decodes the band of level l into the plane's coefficients. tables: {bin, scale} of set, kind and level. */
export function readBand(d, l, plane, tables) {
  if (l === COARSEST) readCoarsestBand(d, plane, tables);
  else if (l === 2) readSlopeBand(d, plane, tables);
  else readFineBand(d, l, plane, tables);
}

/** Levels 1 and 0. */
function readFineBand(d, l, plane, { bin, scale }) {
  const x = magnitudes(plane, l + 1);
  const own = (b) => size(x[b], 3);
  const act = countNeighbours(plane, x);
  const coded = flagged(readFlags(d, plane,
    (b) => bin[3 * own(b) + Math.min(act[b], 2)],
    (b, near) => bin[ODD + 4 * own(b) + near]));
  if (!coded.length) return;
  readSignificance(d, l, plane, coded, bin.slice(SIGNIFICANCE));
  const m = magnitudes(plane, ...[3, 2, 1].filter((coarser) => coarser > l));
  const s = magnitudes(plane, l); // q is still 1 where it is significant
  readValues(d, l, plane, coded, (f, b) => {
    const high = (f >> 3) + (f & 7) > HIGHEST_LOW[l] ? HIGH_VALUES : 0;
    return valueTable(scale[high + size(s[b] + x[b] + (m[b] >> 2), 6) - 1]);
  });
}
