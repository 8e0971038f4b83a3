// Sections 6.1 and 6.2: layers as integer convolutions. All accumulators stay below 2^24 (6.1), hence int32.

import { NetworkError } from './errors.mjs';
import { half } from './structure.mjs';

const LIMIT = 4095;

/** clamp(a) of 2.2, in place. */
export function clampAll(x) {
  for (let i = 0; i < x.length; i++) {
    const a = x[i];
    if (a > LIMIT) x[i] = LIMIT;
    else if (a < -LIMIT) x[i] = -LIMIT;
  }
  return x;
}

/** clamp(a + b), in place of a. */
export function addClamped(a, b) {
  for (let i = 0; i < a.length; i++) {
    const sum = a[i] + b[i];
    a[i] = sum > LIMIT ? LIMIT : sum < -LIMIT ? -LIMIT : sum;
  }
  return a;
}

/** Refuses a layer that breaks the bound of 6.1. layer.bias is (kinds, out), layer.weight (out, in, K, K). */
export function checkBound(layer, what) {
  const each = layer.in * layer.K * layer.K;
  for (let o = 0; o < layer.out; o++) {
    let sum = 0;
    for (let i = o * each; i < (o + 1) * each; i++) sum += Math.abs(layer.weight[i]);
    let bias = 0;
    for (let kind = 0; kind < layer.kinds; kind++) bias = Math.max(bias, Math.abs(layer.bias[kind * layer.out + o]));
    if (LIMIT * sum + bias + half(layer.n) >= 2 ** 24) {
      throw new NetworkError(`${what}: layer ${layer.name} breaks the accumulator bound in channel ${o}`);
    }
  }
}

/** conv(layer, x, kind): x is (in, h, w), the result (out, h, w). */
export function conv(layer, x, h, w, kind = 0) {
  const size = h * w;
  const acc = new Int32Array((layer.out + 1) * size); // one channel to spare: channels go in pairs
  for (let o = 0; o < layer.out; o++) {
    acc.fill(layer.bias[kind * layer.out + o] + half(layer.n), o * size, (o + 1) * size);
  }
  if (layer.K === 1) accumulate1x1(layer, x, size, acc);
  else accumulate3x3(layer, x, h, w, acc);
  const result = acc.subarray(0, layer.out * size);
  shiftAll(result, layer.n, layer.leaky ? layer.n + 3 : layer.n);
  return result;
}

function shiftAll(acc, n, nNegative) {
  for (let i = 0; i < acc.length; i++) acc[i] = acc[i] >> (acc[i] < 0 ? nNegative : n);
}

const NO_WEIGHTS = new Int8Array(1024); // of the spare channel

/** Adds two output channels by four input channels at a time. */
function accumulate1x1(layer, x, size, acc) {
  for (let o = 0; o < layer.out; o += 2) {
    const first = layer.weight.subarray(o * layer.in, (o + 1) * layer.in);
    const second = o + 1 < layer.out ? layer.weight.subarray((o + 1) * layer.in, (o + 2) * layer.in) : NO_WEIGHTS;
    for (let i = 0; i < layer.in; i += 4) {
      addFour(acc, o * size, size, first, second, x, i, layer.in);
    }
  }
}

function addFour(acc, at, size, first, second, x, i, channels) {
  const left = channels - i; // channels beyond the last have weight 0
  const a0 = first[i], a1 = left > 1 ? first[i + 1] : 0;
  const a2 = left > 2 ? first[i + 2] : 0, a3 = left > 3 ? first[i + 3] : 0;
  const b0 = second[i], b1 = left > 1 ? second[i + 1] : 0;
  const b2 = left > 2 ? second[i + 2] : 0, b3 = left > 3 ? second[i + 3] : 0;
  if (!(a0 | a1 | a2 | a3 | b0 | b1 | b2 | b3)) return;
  const s0 = i * size, s1 = left > 1 ? s0 + size : s0;
  const s2 = left > 2 ? s1 + size : s0, s3 = left > 3 ? s2 + size : s0;
  for (let p = 0; p < size; p++) {
    const x0 = x[s0 + p], x1 = x[s1 + p], x2 = x[s2 + p], x3 = x[s3 + p];
    const q = at + p;
    acc[q] = acc[q] + Math.imul(a0, x0) + Math.imul(a1, x1) + Math.imul(a2, x2) + Math.imul(a3, x3);
    const r = q + size;
    acc[r] = acc[r] + Math.imul(b0, x0) + Math.imul(b1, x1) + Math.imul(b2, x2) + Math.imul(b3, x3);
  }
}

/** Adds two output channels by one input channel at a time; pairs that are pruned cost nothing. */
function accumulate3x3(layer, x, h, w, acc) {
  const padded = padByOne(x, layer.in, h, w);
  const each = layer.in * 9;
  for (let o = 0; o < layer.out; o += 2) {
    const first = layer.weight.subarray(o * each, (o + 1) * each);
    const second = o + 1 < layer.out ? layer.weight.subarray((o + 1) * each, (o + 2) * each) : NO_WEIGHTS;
    for (let i = 0; i < layer.in; i++) {
      const a = first.subarray(i * 9, i * 9 + 9);
      const b = second.subarray(i * 9, i * 9 + 9);
      if (a.some(Boolean) || b.some(Boolean)) addNine(acc, o * h * w, h, w, padded, i * (h + 2) * (w + 2), a, b);
    }
  }
}

function padByOne(x, channels, h, w) {
  const padded = new Int32Array(channels * (h + 2) * (w + 2));
  for (let c = 0, from = 0; c < channels; c++) {
    for (let y = 0; y < h; y++, from += w) {
      padded.set(x.subarray(from, from + w), (c * (h + 2) + y + 1) * (w + 2) + 1);
    }
  }
  return padded;
}

function addNine(acc, at, h, w, x, start, a, b) {
  const [a0, a1, a2, a3, a4, a5, a6, a7, a8] = a;
  const [b0, b1, b2, b3, b4, b5, b6, b7, b8] = b;
  const size = h * w;
  for (let y = 0; y < h; y++) {
    let r = start + y * (w + 2);
    let s = r + w + 2;
    let t = s + w + 2;
    let u0 = x[r++], u1 = x[r++];
    let v0 = x[s++], v1 = x[s++];
    let z0 = x[t++], z1 = x[t++];
    for (let q = at + y * w, end = q + w; q < end; q++) {
      const u2 = x[r++], v2 = x[s++], z2 = x[t++];
      acc[q] = acc[q] + Math.imul(a0, u0) + Math.imul(a1, u1) + Math.imul(a2, u2)
        + Math.imul(a3, v0) + Math.imul(a4, v1) + Math.imul(a5, v2)
        + Math.imul(a6, z0) + Math.imul(a7, z1) + Math.imul(a8, z2);
      acc[q + size] = acc[q + size] + Math.imul(b0, u0) + Math.imul(b1, u1) + Math.imul(b2, u2)
        + Math.imul(b3, v0) + Math.imul(b4, v1) + Math.imul(b5, v2)
        + Math.imul(b6, z0) + Math.imul(b7, z1) + Math.imul(b8, z2);
      u0 = u1; u1 = u2; v0 = v1; v1 = v2; z0 = z1; z1 = z2;
    }
  }
}
