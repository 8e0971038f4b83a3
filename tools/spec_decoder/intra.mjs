// Sections 7.11 and 6.14: intra blocks, which are filled in from the samples around them.

import { PASSES, blocksOf, countNeighbours, noBlocks, valuesOfSamples } from './blocks.mjs';
import { ceilShift, clampTo } from './structure.mjs';

const INTRA_BLOCK = 1;
const GREY = 2048;
const TWELFTHS = [0, 12, 6, 4, 3]; // T of 6.14, by n

/** Which of a picture's blocks with intra_size > 0 are intra (blocks.mjs). tables: numbers of tables by c. */
export function readIntra(d, sequence, intra_size, tables) {
  const intra = noBlocks(sequence, intra_size);
  for (const pass of PASSES) {
    const blocks = blocksOf(intra, pass);
    const count = (block) => countNeighbours(intra, pass, block, INTRA_BLOCK);
    const symbols = d.decodeArray(blocks.map((block) => tables[pass.first + count(block)]));
    blocks.forEach((block, i) => (intra.values[block] = symbols[i] ? INTRA_BLOCK : 0));
  }
  return intra;
}

/** 6.14: e_k of intra blocks, in place. references: for each its planes e_k. */
export function fillIntra(sequence, s, intra, [e0, e1]) {
  e0.forEach((plane, i) => {
    const { samples, rows, columns } = plane;
    const missing = valuesOfSamples(sequence, s, i, intra, plane);
    const other = e1?.[i].samples;
    const m = other ? samples.map((e, at) => e + ((other[at] - e + 1) >> 1)) : samples.slice();
    const f = fill({ samples: m, rows, columns }, missing);
    for (let at = 0; at < f.length; at++) {
      if (!missing[at]) continue;
      samples[at] = f[at];
      if (other) other[at] = f[at];
    }
  });
}

/** fill(v, missing) of 6.14: the samples, which are changed in place. */
export function fill(v, missing) {
  const { samples, rows, columns } = v;
  if (!missing.includes(1)) return samples;
  if (!missing.includes(0)) return samples.fill(GREY);
  const { w, empty } = halve(v, missing);
  fill(w, empty);
  for (let y = 0, at = 0; y < rows; y++) {
    const near = (y >> 1) * w.columns;
    const far = clampTo((y >> 1) - 1 + 2 * (y & 1), 0, w.rows - 1) * w.columns;
    for (let x = 0; x < columns; x++, at++) {
      if (!missing[at]) continue;
      const j = x >> 1;
      const k = clampTo(j - 1 + 2 * (x & 1), 0, w.columns - 1);
      const sum = 9 * w.samples[near + j] + 3 * (w.samples[near + k] + w.samples[far + j]) + w.samples[far + k];
      samples[at] = (sum + 8) >> 4;
    }
  }
  return samples;
}

/** w and empty of 6.14. */
function halve({ samples, rows, columns }, missing) {
  const w = { rows: ceilShift(rows, 1), columns: ceilShift(columns, 1) };
  w.samples = new Int32Array(w.rows * w.columns);
  const empty = new Uint8Array(w.samples.length);
  for (let i = 0, at = 0; i < w.rows; i++) {
    for (let j = 0; j < w.columns; j++, at++) {
      let n = 0;
      let sum = 0;
      for (let y = 2 * i; y < Math.min(2 * i + 2, rows); y++) {
        for (let x = 2 * j; x < Math.min(2 * j + 2, columns); x++) {
          if (missing[y * columns + x]) continue;
          n++;
          sum += samples[y * columns + x];
        }
      }
      empty[at] = n ? 0 : 1;
      w.samples[at] = Math.floor((sum * TWELFTHS[n] + 6) / 12);
    }
  }
  return { w, empty };
}
