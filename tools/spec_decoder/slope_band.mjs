// Section 7.7: the coefficients of level 2, near the slopes of q[0][0].

import { flagged, readFlags, valueOf, valueTable } from './bands.mjs';
import { readPredicted, size } from './predicted_values.mjs';

const HORIZONTAL = 1; // 8 * u + v of q[0][1], whose slope is g_x
const VERTICAL = 8; // of q[1][0], whose slope is g_y
const BOTH = 9; // of q[1][1]
const ODD = 10; // the first bin of pass 2
const SLOPED = 50; // of pass 3
const CROSSED = 57; // of pass 4
const CROSSED_VALUES = 7; // the first val of pass 6

/** Decodes the band of level 2 into the plane's coefficients. tables: {bin, scale} of set, kind and level. */
export function readSlopeBand(d, plane, { bin, scale }) {
  const { q, blocks } = plane;
  const at = (f, b) => q[f * blocks + b];
  const [gx, gy] = slopes(plane);
  const C = gx.map((g, b) => 2 * size(Math.max(Math.abs(g), Math.abs(gy[b])), 4) + (q[b] ? 1 : 0));
  const coded = flagged(readFlags(d, plane, (b) => bin[C[b]], (b, near) => bin[ODD + 4 * C[b] + near]));
  if (!coded.length) return;

  const sloped = [[HORIZONTAL, gx], [VERTICAL, gy]].flatMap(([f, g]) =>
    coded.map((b) => ({ place: f * blocks + b, g: g[b], c: size(Math.abs(g[b]), 6) })));
  const significant = d.decodeArray(sloped.map(({ c }) => bin[SLOPED + c]));
  sloped.forEach(({ place }, i) => (q[place] = significant[i] ? 1 : 0));

  const others = (b) => [0, HORIZONTAL, VERTICAL].filter((f) => at(f, b)).length;
  const crossing = d.decodeArray(coded.map((b) => bin[CROSSED + others(b)]));

  const valued = sloped.filter((_, i) => significant[i]);
  const values = readPredicted(d, valued.map(({ g }) => (3 * g + 1) >> 1), valued.map(({ c }) => scale[c]));
  valued.forEach(({ place }, i) => (q[place] = values[i]));

  const crossed = coded.filter((_, i) => crossing[i]);
  const symbols = d.decodeArray(crossed.map((b) => {
    const sum = Math.abs(at(HORIZONTAL, b)) + Math.abs(at(VERTICAL, b));
    return valueTable(scale[CROSSED_VALUES + (sum < 2 ? 0 : sum < 5 ? 1 : 2)]);
  }));
  crossed.forEach((b, i) => (q[BOTH * blocks + b] = valueOf(symbols[i])));
}

/** g_x and g_y by block. */
function slopes({ rows, columns, blocks, q }) {
  const [gx, gy] = [new Int32Array(blocks), new Int32Array(blocks)];
  for (let y = 0, b = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++, b++) {
      gx[b] = q[x > 0 ? b - 1 : b] - q[x + 1 < columns ? b + 1 : b];
      gy[b] = q[y > 0 ? b - columns : b] - q[y + 1 < rows ? b + columns : b];
    }
  }
  return [gx, gy];
}
