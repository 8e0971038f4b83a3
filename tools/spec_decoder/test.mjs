// Section 9: decodes every conformance vector at all scales and compares with the manifest and the files' digests.
// node test.mjs [FOLDER OF VECTORS]. Exit status 1 if anything differs.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { BASE_MODEL_NUMBERS, SCALES, decode, planeBytes } from './decoder.mjs';
import { DigestMissing } from './errors.mjs';
import { Sha256, hex } from './sha256.mjs';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const folder = process.argv[2] ?? path('../../tests/conformance/vectors');
const baseModel = (number) => path(`../../nvcodec/decoder/base_models/${number}.msn`);
const there = BASE_MODEL_NUMBERS.filter((number) => existsSync(baseModel(number)));
const baseModels = Object.fromEntries(there.map((number) => [number, readFileSync(baseModel(number))]));

/** {sha, perSecond} of the file's pictures; throws if one differs from its digest. It may have no digest. */
function decodeAll(bytes, scale) {
  try {
    return decodeOnce(bytes, scale, true);
  } catch (error) {
    if (error instanceof DigestMissing) return decodeOnce(bytes, scale, false);
    throw error;
  }
}

function decodeOnce(bytes, scale, verify) {
  const hash = new Sha256();
  const start = performance.now();
  let count = 0;
  for (const { planes } of decode(bytes, { scale, baseModels, verify })) {
    for (const plane of planeBytes(planes)) hash.update(plane);
    count++;
  }
  return { sha: hex(hash.digest()), perSecond: (1000 * count) / (performance.now() - start) };
}

let failures = 0;
const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'));
const width = Math.max(...Object.keys(manifest).map((name) => name.length));
console.log('pictures a second'.padEnd(width), ...SCALES.map((scale) => scale.padStart(9)));
for (const [name, entry] of Object.entries(manifest)) {
  const expected = entry.scales ?? entry;
  const bytes = new Uint8Array(readFileSync(join(folder, name)));
  const cells = SCALES.map((scale) => {
    try {
      const { sha, perSecond } = decodeAll(bytes, scale);
      if (sha === expected[scale]) return perSecond.toFixed(1);
    } catch (error) {
      console.log(`${name} at ${scale}: ${error.stack}`);
    }
    failures++;
    return 'WRONG';
  });
  console.log(name.padEnd(width), ...cells.map((cell) => cell.padStart(9)));
}
console.log(failures ? `${failures} differ` : 'all equal');
process.exitCode = failures ? 1 : 0;
