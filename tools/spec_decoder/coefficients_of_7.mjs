// Section 7.12: the coefficients of a level's band in a plane, in files of versions 0.5 to 0.7.

import {
  COARSEST, countNeighbours, flagged, magnitudes, readFlags, readSignificance, readValues, valueTable,
} from './bands.mjs';

const FC = 21; // of levels below the coarsest

/** Decodes the band of level l into the plane's coefficients. tables: {bin, scale} of set, kind and level. */
export function readBandOf7(d, l, plane, { bin, scale }) {
  const m = magnitudes(plane, ...[3, 2, 1].filter((coarser) => coarser > l));
  const flags = readFlagsOf7(d, l, plane, m, bin);
  const coded = flagged(flags);
  if (!coded.length) return;
  if (l < COARSEST) readSignificance(d, l, plane, coded, bin.slice(FC));
  else for (const b of coded) plane.q[b] = 1;
  const classes = l < COARSEST
    ? m.map((sum) => (sum < 2 ? 0 : sum < 5 ? 1 : 2))
    : countNeighbours(plane, flags).map((count) => (count < 2 ? 0 : count === 2 ? 1 : 2));
  readValues(d, l, plane, coded, (f, b) => valueTable(scale[classes[b]]));
}

/** Passes 1 and 2. */
function readFlagsOf7(d, l, plane, m, bin) {
  const FO = l === COARSEST ? 1 : 9;
  const own = (b) => Math.min(m[b], 2);
  const act = countNeighbours(plane, m);
  return readFlags(d, plane,
    (b) => bin[3 * own(b) + Math.min(act[b], 2)],
    (b, near) => bin[FO + 4 * own(b) + near]);
}
