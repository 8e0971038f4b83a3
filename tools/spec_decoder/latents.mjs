// Sections 5.7 and 8.2, read_latents: GOP units of the motion profile.

import { Coder } from './ans.mjs';
import { GOP } from './container.mjs';
import { contextInput, readLatents } from './context.mjs';
import { LEVELS, levelSize, pictureRow } from './structure.mjs';

/** 0, the intra network, or 1, the inter network: that of a picture (4.4.2). */
export const networkOf = ({ references }) => (references.length ? 1 : 0);

/** The latents of a GoP's pictures at levels 4 down to s, picture by picture in coding order. */
export class LatentReader {
  /** networks: by number, then by level. */
  constructor(container, sequence, networks, gop, order, s) {
    this.sequence = sequence;
    this.networks = networks;
    this.finest = s;
    this.places = new Array(LEVELS);
    this.units = []; // by level: {flags: coded_flags still to come, d}
    for (let l = LEVELS - 1; l >= s; l--) {
      const { configurations } = sequence;
      const count = order.filter((picture) => configurations[networkOf(picture)].grid_channels[l] > 0).length;
      if (count === 0) continue;
      const r = container.read(GOP, gop.segment, gop.number, l);
      const flags = [];
      for (let i = 0; i < count; i++) flags.push(r.flag(`coded_flag[${i}]`));
      this.units[l] = { flags, d: new Coder(r.rest(), r.what) };
    }
  }

  /** q by level, Int8Array (L, h, w), of the next picture in coding order. */
  read(picture) {
    const n = networkOf(picture);
    const c = this.sequence.configurations[n];
    const q = [];
    for (let l = LEVELS - 1; l >= this.finest; l--) {
      if (c.grid_channels[l] === 0) continue;
      const [h, w] = levelSize(this.sequence, l);
      q[l] = new Int8Array(c.grid_channels[l] * h * w);
      if (this.units[l].flags.shift()) this.readLevel(c, n, l, pictureRow(picture, c.step_rows), q);
    }
    return q;
  }

  readLevel(c, n, l, row, q) {
    const size = levelSize(this.sequence, l);
    const coarserSize = levelSize(this.sequence, l + 1);
    const { layers } = this.networks[n][l];
    for (const places of c.context_neighbours_flag ? this.placesOf(l, c.grid_channels[l]) : [null]) {
      const input = contextInput(c, l, q[l], q[l + 1], size, coarserSize);
      readLatents(this.units[l].d, layers, input, size, row, q[l], places);
    }
  }

  /** Places of the two arrays of 5.7. */
  placesOf(l, channels) {
    this.places[l] ??= {};
    return (this.places[l][channels] ??= [0, 1].map((parity) => {
      const [h, w] = levelSize(this.sequence, l);
      const places = [];
      for (let at = 0; at < channels * h * w; at++) {
        const x = at % w;
        const y = ((at / w) | 0) % h;
        if (((y + x) & 1) === parity) places.push(at);
      }
      return Int32Array.from(places);
    }));
  }

  endCheck() {
    for (const unit of this.units) unit?.d.endCheck();
  }
}

/** E of 6.3, motion profile. */
export function latentEmbedding(q, step, L, row) {
  const E = new Int32Array(q.length);
  const size = q.length / L;
  for (let i = 0; i < E.length; i++) {
    const e = q[i] * step[row * L + ((i / size) | 0)];
    E[i] = e > 4095 ? 4095 : e < -4095 ? -4095 : e;
  }
  return E;
}
