// Section 8.2: decoding process of the motion profile.

import { alignPlanes } from './alignment.mjs';
import { alignedWindow, widen } from './aligned_window.mjs';
import { decodeChain } from './chain.mjs';
import { readFields } from './fields.mjs';
import { fourTaps } from './interpolation.mjs';
import { LatentReader, latentEmbedding, networkOf } from './latents.mjs';
import { unpackSamples } from './packed.mjs';
import { LEVELS, pictureRow } from './structure.mjs';
import { synthesise } from './synthesis.mjs';

/**
 * Pictures first..last - 1 of a segment, as [number, planes, gop] in display order. readLevel(n, l) is read_network.
 */
export function* decodeMotionSegment(container, sequence, segment, readLevel, { s, first, last }) {
  const networks = [0, 1].map((n) => {
    const levels = new Array(LEVELS);
    for (let l = LEVELS - 1; l >= s; l--) levels[l] = readLevel(n, l);
    return levels;
  });
  const context = { container, sequence, networks, s };
  yield* decodeChain(segment, { first, last }, (...gop) => decodeGop(context, ...gop));
}

/** {planes, fields} of the needed pictures, by number. */
function decodeGop({ container, sequence, networks, s }, gop, order, needed, anchor) {
  const fields = readFields(container, sequence, gop, order, anchor);
  const latents = new LatentReader(container, sequence, networks, gop, order, s);
  const planes = new Map(anchor ? [[-1, anchor.planes]] : []);
  const lastNeeded = order.findLastIndex(({ number }) => needed.has(number));
  order.slice(0, lastNeeded + 1).forEach((picture) => {
    const q = latents.read(picture);
    if (!needed.has(picture.number)) return;
    const X = decodePicture(sequence, networks, s, picture, q, planes, fields.get(picture.number));
    planes.set(picture.number, unpackSamples(sequence, s, X));
  });
  if (lastNeeded === order.length - 1) latents.endCheck();
  return { planes, fields };
}

/** X_s of one picture. */
function decodePicture(sequence, networks, s, picture, q, planes, fields) {
  const n = networkOf(picture);
  const c = sequence.configurations[n];
  const network = networks[n];
  const row = pictureRow(picture, c.step_rows);
  const E = network.map((level, l) => q[l] && latentEmbedding(q[l], level.step, c.grid_channels[l], row));
  if (n === 0) return synthesise(sequence, c, network, E, null, s);
  const widened = (reference) => reference.map((plane) => widen(plane, sequence.bit_depth));
  const aligned = picture.references.map((reference, k) =>
    alignPlanes(sequence, s, planes.get(reference), fields[k], { exact: false, interpolate: fourTaps }));
  return synthesise(sequence, c, network, E, alignedWindow(sequence, s, aligned.map(widened)), s);
}
