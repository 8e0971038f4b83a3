// Sections 5.5 and 9: DIGEST units and their comparison.

import { DIGEST } from './container.mjs';
import { DigestError, DigestMissing, ValueError } from './errors.mjs';
import { Sha256, hex } from './sha256.mjs';

/** The bytes of a picture in the order of 5.5, one array per plane. */
export function planeBytes(planes) {
  return planes.map((plane) => {
    if (plane instanceof Uint8Array) return plane;
    const bytes = new Uint8Array(plane.length * 2);
    for (let i = 0; i < plane.length; i++) {
      bytes[2 * i] = plane[i] & 255;
      bytes[2 * i + 1] = plane[i] >> 8;
    }
    return bytes;
  });
}

/** digest[s] of a GoP's pictures. */
export function readDigests(container, gop, s) {
  if (!container.has(DIGEST, gop.segment, gop.number)) {
    throw new DigestMissing(`the file has no digests of segment ${gop.segment}, gop ${gop.number}`);
  }
  const r = container.read(DIGEST, gop.segment, gop.number);
  const digest_bytes = r.u('digest_bytes', 8, 1, 8);
  if (![1, 2, 4, 8].includes(digest_bytes)) {
    throw new ValueError(`${r.what}: digest_bytes is ${digest_bytes}, allowed are 1, 2, 4, 8`);
  }
  const scale_mask = r.u('scale_mask', 4);
  r.align();
  const digests = [];
  for (let i = 0; i < 4; i++) {
    if (!((scale_mask >> i) & 1)) continue;
    for (let p = 0; p < gop.length; p++) {
      const digest = r.b(`digest[${i}][${p}]`, digest_bytes);
      if (i === s) digests.push(digest);
    }
  }
  r.end();
  if (!digests.length) throw new DigestMissing(`the file has no digests at scale 1/${2 ** s}`);
  return digests;
}

export function checkDigest(planes, digest, number) {
  const hash = new Sha256();
  for (const bytes of planeBytes(planes)) hash.update(bytes);
  const found = hex(hash.digest().subarray(0, digest.length));
  if (found !== hex(digest)) {
    throw new DigestError(`picture ${number}: its digest is ${found}, the file says ${hex(digest)}`);
  }
}
