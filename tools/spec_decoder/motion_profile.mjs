// Section 8.2: decoding process of the motion profile.

import { alignPlanes } from './alignment.mjs';
import { alignedWindow } from './aligned_window.mjs';
import { readMotion } from './fields.mjs';
import { LatentReader, latentEmbedding, networkOf } from './latents.mjs';
import { unpackSamples } from './packed.mjs';
import { LEVELS, codingOrder, pictureRow } from './structure.mjs';
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
  const { gops } = segment;
  const isWanted = (gop, p) => gop.first + p >= first && gop.first + p < last;
  const hasWanted = (gop) => gop.first < last && gop.first + gop.length > first;
  let start = gops.findIndex(hasWanted);
  const end = gops.findLastIndex(hasWanted);
  while (gops[start].open) start--;
  const context = { container, sequence, networks, s };
  let anchor = null; // of the GoP before: {planes, fields}
  for (let g = start; g <= end; g++) {
    const gop = gops[g];
    const order = codingOrder(gop.length, gop.open);
    const leadsOn = g < end && gops[g + 1].open;
    const needed = neededPictures(order, gop, (p) => isWanted(gop, p), leadsOn);
    const { planes, fields } = decodeGop(context, gop, order, needed, gop.open ? anchor : null);
    anchor = leadsOn ? anchorOf(gop, planes, fields) : null;
    for (let p = 0; p < gop.length; p++) if (isWanted(gop, p)) yield [gop.first + p, planes.get(p), gop];
  }
}

/** Numbers of the wanted pictures, of the anchor if the next GoP needs it, and of all that these refer to. */
function neededPictures(order, gop, isWanted, leadsOn) {
  const needed = new Set();
  for (const { number, references } of [...order].reverse()) {
    if (isWanted(number) || (leadsOn && number === gop.length - 1)) needed.add(number);
    if (needed.has(number)) for (const reference of references) needed.add(reference);
  }
  return needed;
}

/** What the next GoP sees as picture -1: its fields' references are numbered from that GoP. */
function anchorOf(gop, planes, fields) {
  const last = gop.length - 1;
  const renumbered = fields.get(last)?.map((f) => ({ ...f, towards: f.towards - gop.length }));
  return { planes: planes.get(last), fields: renumbered ?? null };
}

/** {planes, fields} of the needed pictures, by number. */
function decodeGop({ container, sequence, networks, s }, gop, order, needed, anchor) {
  const fields = order.some(({ references }) => references.length)
    ? readMotion(container, sequence, gop, order, anchor?.fields ?? null)
    : new Map();
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
  const aligned = picture.references.map((reference, k) => alignPlanes(sequence, s, planes.get(reference), fields[k]));
  return synthesise(sequence, c, network, E, alignedWindow(sequence, s, aligned), s);
}
