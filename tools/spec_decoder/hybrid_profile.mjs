// Sections 6.13 and 8.3: decoding process of the hybrid profile.

import { alignPlanes } from './alignment.mjs';
import { filterAdaptively } from './adaptive_filter.mjs';
import { alignedWindow, widen } from './aligned_window.mjs';
import { decodeChain } from './chain.mjs';
import { applyChoices } from './choices.mjs';
import { deblock } from './deblocking.mjs';
import { readFields } from './fields.mjs';
import { eightTaps, fourTaps } from './interpolation.mjs';
import { fillIntra } from './intra.mjs';
import { samplesOf, unpackSamples } from './packed.mjs';
import { readResidualTables } from './residual_tables.mjs';
import { ResidualReader } from './residuals.mjs';
import { LEVELS, levelSize, planeSizes } from './structure.mjs';
import { synthesise } from './synthesis.mjs';
import { residual } from './transform.mjs';

const GREY = 2048;
const MINOR_OF_EXACT_POSITIONS = 7; // the first version_minor with them (6.11)
const MINOR_OF_EIGHT_TAPS = 9; // likewise

/**
 * Pictures first..last - 1 of a segment, as [number, planes, gop] in display order. readLevel(n, l) is read_network.
 */
export function* decodeHybridSegment(container, sequence, segment, readLevel, { s, first, last }) {
  const tables = readResidualTables(container, sequence, segment.number);
  const network = new Array(LEVELS);
  if (tables.network_flag) for (let l = LEVELS - 1; l >= s; l--) network[l] = readLevel(0, l);
  const context = { container, sequence, tables, network, s };
  yield* decodeChain(segment, { first, last }, (...gop) => decodeGop(context, ...gop));
}

/** {planes, fields} of the needed pictures, by number. */
function decodeGop({ container, sequence, tables, network, s }, gop, order, needed, anchor) {
  const fields = readFields(container, sequence, gop, order, anchor);
  const residuals = new ResidualReader(container, sequence, tables, gop, order, s);
  const rule = alignmentRule(container);
  const planes = new Map(anchor ? [[-1, anchor.planes]] : []);
  const lastNeeded = order.findLastIndex(({ number }) => needed.has(number));
  order.slice(0, lastNeeded + 1).forEach((picture) => {
    const coded = residuals.read(picture);
    if (!needed.has(picture.number)) return;
    const aligned = alignedReferences(sequence, s, picture, planes, fields.get(picture.number), rule);
    if (coded.choices) applyChoices(sequence, s, coded.choices, aligned);
    if (coded.intra) fillIntra(sequence, s, coded.intra, aligned);
    addResidual(aligned, coded, s);
    const decoded = decodePicture(sequence, network, s, aligned, coded);
    if (coded.deblocked_flag) deblock(sequence, s, decoded, coded.planes, coded.qp);
    if (coded.filter) filterAdaptively(sequence, s, decoded, coded.planes, coded.filter, coded.filter_whole_flag);
    planes.set(picture.number, decoded);
  });
  if (lastNeeded === order.length - 1) residuals.endCheck();
  return { planes, fields };
}

/** How alignPlanes aligns in this file. */
const alignmentRule = ({ version_minor }) => ({
  exact: version_minor >= MINOR_OF_EXACT_POSITIONS,
  interpolate: version_minor >= MINOR_OF_EIGHT_TAPS ? eightTaps : fourTaps,
});

/** a_k << (12 - B), for each reference its planes. */
function alignedReferences(sequence, s, { references }, planes, fields, rule) {
  if (references.length === 0) {
    const grey = ([rows, columns]) => ({ samples: new Int32Array(rows * columns).fill(GREY), rows, columns });
    return [planeSizes(sequence, s).map(grey)];
  }
  return references.map((reference, k) =>
    alignPlanes(sequence, s, planes.get(reference), fields[k], rule)
      .map((plane) => widen(plane, sequence.bit_depth)));
}

/** To p_k,s, in place. */
function addResidual(aligned, { planes, qp }, s) {
  planes.forEach((coefficients, i) => {
    if (!coefficients) return;
    const { rows, columns } = aligned[0][i];
    const r = residual(coefficients, qp, s, rows, columns);
    for (const { [i]: { samples } } of aligned) {
      for (let at = 0; at < r.length; at++) {
        const p = samples[at] + r[at];
        samples[at] = p < 0 ? 0 : p > 4095 ? 4095 : p;
      }
    }
  });
}

/** The samples of a picture from p_k,s, before deblocking and the adaptive filter. */
function decodePicture(sequence, network, s, [p0, p1], { network_flag, qp }) {
  if (!network_flag) return p0.map(({ samples }, i) => samplesOf(sequence, mean(samples, p1?.[i].samples)));
  const [h, w] = levelSize(sequence, LEVELS - 1);
  const E = [];
  E[LEVELS - 1] = new Int32Array(h * w).fill(64 * (qp - 32));
  const Y = alignedWindow(sequence, s, p1 ? [p0, p1] : [p0]);
  return unpackSamples(sequence, s, synthesise(sequence, sequence.configurations[0], network, E, Y, s));
}

/** x of 6.13 without a network, in place of p0. */
function mean(p0, p1) {
  for (let i = 0; i < p0.length; i++) p0[i] += (p1 ? (p1[i] - p0[i] + 1) >> 1 : 0) - GREY;
  return p0;
}
