// Section 8.1: decoding process of the grid profile.

import { gridEmbedding, readGrids } from './grids.mjs';
import { unpackSamples } from './packed.mjs';
import { LEVELS } from './structure.mjs';
import { synthesise } from './synthesis.mjs';

/**
 * Pictures first..last - 1 of a segment, as [number, planes, gop] in display order. readLevel(n, l) is read_network.
 */
export function* decodeGridSegment(container, sequence, segment, readLevel, { s, first, last }) {
  const network = new Array(LEVELS);
  for (let l = LEVELS - 1; l >= s; l--) network[l] = readLevel(0, l);
  const c = sequence.configurations[0];
  for (const gop of segment.gops) {
    if (gop.first >= last || gop.first + gop.length <= first) continue;
    const grids = readGrids(container, sequence, network, gop, s);
    for (let p = Math.max(0, first - gop.first); p < gop.length && gop.first + p < last; p++) {
      const E = grids.map((level, l) => level && gridEmbedding(c, level, network[l], l, p, gop.length));
      yield [gop.first + p, unpackSamples(sequence, s, synthesise(sequence, c, network, E, null, s)), gop];
    }
  }
}
