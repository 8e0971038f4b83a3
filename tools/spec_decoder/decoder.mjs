// Sections 8 and 9: the decoder's interface. No module but cli.mjs and test.mjs uses anything but the language itself.

import { BaseModels } from './base_models.mjs';
import { Container } from './container.mjs';
import { checkDigest, readDigests } from './digests.mjs';
import { RequestError } from './errors.mjs';
import { decodeGridSegment } from './grid_profile.mjs';
import { decodeHybridSegment } from './hybrid_profile.mjs';
import { decodeMotionSegment } from './motion_profile.mjs';
import { readNetworkLevel } from './network.mjs';
import { readSegments } from './segment.mjs';
import { readSequence } from './sequence.mjs';
import { planeSizes } from './structure.mjs';

export { MsnError } from './errors.mjs';
export { BASE_MODEL_NUMBERS } from './base_models.mjs';
export { planeBytes } from './digests.mjs';

export const SCALES = ['1', '1/2', '1/4', '1/8'];
const DECODE_SEGMENT = [decodeGridSegment, decodeMotionSegment, decodeHybridSegment]; // by profile

export class Decoder {
  /** bytes: the whole file, a Uint8Array; baseModels: number -> bytes of its file (5.3.2). */
  constructor(bytes, { baseModels = {} } = {}) {
    this.container = new Container(bytes);
    this.baseModels = new BaseModels(baseModels);
    this.sequence = readSequence(this.container);
    this.segments = readSegments(this.container, this.sequence);
  }

  /** [rows, columns] of each plane at a scale. */
  planeSizes(scale = '1') {
    return planeSizes(this.sequence, scaleNumber(scale));
  }

  /** Pictures first..last - 1 in display order, each {number, planes: [Uint8Array or Uint16Array, ...], sizes}. */
  *pictures({ scale = '1', first = 0, last = this.sequence.picture_count, verify = false } = {}) {
    const { container, sequence } = this;
    const s = scaleNumber(scale);
    const sizes = planeSizes(sequence, s);
    const decodeSegment = DECODE_SEGMENT[sequence.profile];
    for (const segment of this.segments) {
      if (segment.first_picture >= last || segment.first_picture + segment.picture_count <= first) continue;
      const readLevel = (n, l) => readNetworkLevel(container, sequence, segment.number, n, l, this.baseModels);
      let verified = null; // {gop, digests}
      for (const [number, planes, gop] of decodeSegment(container, sequence, segment, readLevel, { s, first, last })) {
        if (verify) {
          if (verified?.gop !== gop) verified = { gop, digests: readDigests(container, gop, s) };
          checkDigest(planes, verified.digests[number - gop.first], number);
        }
        yield { number, planes, sizes };
      }
    }
  }
}

/** The pictures of a file: Decoder.pictures in one call. */
export function* decode(bytes, { baseModels, ...request } = {}) {
  yield* new Decoder(bytes, { baseModels }).pictures(request);
}

function scaleNumber(scale) {
  const s = SCALES.indexOf(String(scale));
  if (s < 0) throw new RequestError(`scale ${scale}: there are ${SCALES.join(', ')}`);
  return s;
}
