// Sections 7.9 and 6.13: choices of a picture's blocks between its two references.

import { PASSES, blocksOf, countNeighbours, noBlocks, valuesOfSamples } from './blocks.mjs';

const [ONLY_0, ONLY_1] = [1, 2]; // reference 0 alone, reference 1 alone; 0 is the mean of both
const SIDE_TABLE = 12; // where neighbours are even; the tables beside it: where one reference is ahead

/** The choices of a picture's blocks with choice_size > 0 (blocks.mjs). tables: numbers of tables by c. */
export function readChoices(d, sequence, choice_size, tables) {
  const choices = noBlocks(sequence, choice_size);
  for (const pass of PASSES) readPass(d, choices, pass, tables);
  return choices;
}

function readPass(d, choices, pass, tables) {
  const blocks = blocksOf(choices, pass);
  const counts = blocks.map((block) => [ONLY_0, ONLY_1].map((c) => countNeighbours(choices, pass, block, c)));
  const chosen = d.decodeArray(counts.map(([n1, n2]) => tables[pass.first + n1 + n2]));
  const one = [...blocks.keys()].filter((i) => chosen[i]);
  const sides = d.decodeArray(one.map((i) => tables[SIDE_TABLE + Math.sign(counts[i][1] - counts[i][0])]));
  one.forEach((i, n) => (choices.values[blocks[i]] = sides[n] ? ONLY_1 : ONLY_0));
}

/** 6.13: blocks that take one reference alone overwrite the other. references: aligned planes of both. */
export function applyChoices(sequence, s, choices, [a0, a1]) {
  a0.forEach((plane, i) => {
    const { samples } = plane;
    const other = a1[i].samples;
    const c = valuesOfSamples(sequence, s, i, choices, plane);
    for (let at = 0; at < c.length; at++) {
      if (c[at] === ONLY_0) other[at] = samples[at];
      else if (c[at] === ONLY_1) samples[at] = other[at];
    }
  });
}
