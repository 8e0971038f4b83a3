// Sections 6.5 and 6.6: packed pictures, their upsampling, and samples.

import { half, levelSize, planePhases, planeSizes } from './structure.mjs';

/** 6.6 and unpacking: the planes of the packed picture x of level s, Uint8Array or, above 8 bits, Uint16Array. */
export function unpackSamples(sequence, s, x) {
  const { chroma_format } = sequence;
  const [h, w] = levelSize(sequence, s);
  return planeSizes(sequence, s).map(([rows, columns], i) => {
    const { first, R, Q } = planePhases(chroma_format)[i];
    const plane = new Int32Array(rows * columns);
    for (let r = 0, at = 0; r < rows; r++) {
      const row = packedRow(first, R, Q, h, w, r);
      for (let c = 0; c < columns; c++) plane[at++] = x[Q === 2 ? row + (c & 1) * h * w + (c >> 1) : row + c];
    }
    return samplesOf(sequence, plane);
  });
}

/** 6.6 for a plane of values. */
export function samplesOf({ bit_depth: B }, x) {
  const shift = 12 - B;
  const [rounding, middle, most] = [half(shift), 2 ** (B - 1), 2 ** B - 1];
  const plane = B === 8 ? new Uint8Array(x.length) : new Uint16Array(x.length);
  for (let at = 0; at < x.length; at++) {
    const sample = ((x[at] + rounding) >> shift) + middle;
    plane[at] = sample < 0 ? 0 : sample > most ? most : sample;
  }
  return plane;
}

/** Where row r of a plane starts in its packed picture, in the channel of column phase 0. */
function packedRow(first, R, Q, h, w, r) {
  const a = R === 2 ? r & 1 : 0;
  const y = R === 2 ? r >> 1 : r;
  return ((first + a * Q) * h + y) * w;
}

/** Packing: planes [{samples, rows, columns}] to the packed picture of level l, each value minus `offset`. */
export function pack(sequence, l, planes, offset) {
  const [h, w] = levelSize(sequence, l);
  const phases = planePhases(sequence.chroma_format);
  const last = phases.at(-1);
  const x = new Int32Array((last.first + last.R * last.Q) * h * w);
  planes.forEach(({ samples, rows, columns }, i) => {
    const { first, R, Q } = phases[i];
    for (let r = 0; r < R * h; r++) {
      const from = Math.min(r, rows - 1) * columns;
      const row = packedRow(first, R, Q, h, w, r);
      for (let c = 0; c < Q * w; c++) {
        x[Q === 2 ? row + (c & 1) * h * w + (c >> 1) : row + c] = samples[from + Math.min(c, columns - 1)] - offset;
      }
    }
  });
  return x;
}

/** upsample(x, l): a packed picture of level l + 1 to the size of level l. */
export function upsample(sequence, x, l) {
  const [h, w] = levelSize(sequence, l);
  const [hCoarse, wCoarse] = levelSize(sequence, l + 1);
  const phases = planePhases(sequence.chroma_format);
  const last = phases.at(-1);
  const out = new Int32Array((last.first + last.R * last.Q) * h * w);
  for (const { first, R, Q } of phases) {
    for (let a = 0; a < R; a++) {
      for (let b = 0; b < Q; b++) {
        const rows = axisTaps(h, hCoarse, R, a).map(([phase, at]) => (phase * Q * hCoarse + at) * wCoarse);
        const columns = axisTaps(w, wCoarse, Q, b).map(([phase, at]) => phase * hCoarse * wCoarse + at);
        upsampleChannel(out, (first + a * Q + b) * h * w, x, first * hCoarse * wCoarse, rows, columns);
      }
    }
  }
  return out;
}

/** For each position of the finer axis, two taps (phase, coarse position): of weight 3, then of weight 1. */
function axisTaps(fine, coarse, R, a) {
  const taps = [];
  for (let position = 0; position < fine; position++) {
    const y = position >> 1;
    const n = (position & 1) * R + a;
    const u = n >> 1;
    for (const near of [u, n % 2 === 0 ? u - 1 : u + 1]) {
      const at = y + Math.floor(near / R);
      taps.push([((near % R) + R) % R, at < 0 ? 0 : at >= coarse ? coarse - 1 : at]);
    }
  }
  return taps;
}

function upsampleChannel(out, at, x, start, rows, columns) {
  for (let r = 0; r < rows.length; r += 2) {
    const near = start + rows[r];
    const far = start + rows[r + 1];
    for (let c = 0; c < columns.length; c += 2) {
      const [i, j] = [columns[c], columns[c + 1]];
      const sum = 9 * x[near + i] + 3 * (x[near + j] + x[far + i]) + x[far + j];
      out[at++] = (sum + 8) >> 4;
    }
  }
}
