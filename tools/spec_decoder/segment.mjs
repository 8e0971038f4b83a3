// Section 5.2: SEGMENT units.

import { SEGMENT } from './container.mjs';
import { ValueError } from './errors.mjs';
import { MAX_GOP_LENGTH, MAX_OPEN_GOPS, MAX_PICTURES } from './limits.mjs';
import { GRID_PROFILE } from './sequence.mjs';

/** All segments, [{first_picture, picture_count, gops: [{number, first, length, open}]}], which cover the sequence. */
export function readSegments(container, sequence) {
  const segments = [];
  let covered = 0;
  for (let number = 0; number < sequence.segment_count; number++) {
    const segment = readSegment(container.read(SEGMENT, number), number, covered, sequence);
    covered += segment.picture_count;
    segments.push(segment);
  }
  if (covered !== sequence.picture_count) {
    throw new ValueError(`SEGMENT units: they have ${covered} pictures, the sequence ${sequence.picture_count}`);
  }
  return segments;
}

function readSegment(r, number, covered, sequence) {
  const first_picture = r.u('first_picture', 32, covered, covered);
  const picture_count = r.u('picture_count', 32, 1, MAX_PICTURES);
  const gop_count = r.u('gop_count', 16, 1);
  const gops = [];
  let first = first_picture;
  for (let g = 0; g < gop_count; g++) {
    const length = r.u(`gop_length[${g}]`, 16, 1, MAX_GOP_LENGTH[sequence.profile]);
    gops.push({ segment: number, number: g, first, length, open: 0 });
    first += length;
  }
  if (sequence.profile !== GRID_PROFILE) readOpenFlags(r, gops);
  r.end();
  if (first - first_picture !== picture_count) {
    throw new ValueError(`${r.what}: GoPs of ${first - first_picture} pictures, picture_count is ${picture_count}`);
  }
  return { number, first_picture, picture_count, gops };
}

function readOpenFlags(r, gops) {
  let inRow = 0;
  for (const gop of gops) {
    gop.open = r.u(`open_gop_flag[${gop.number}]`, 1, 0, gop.number === 0 ? 0 : 1);
    inRow = gop.open ? inRow + 1 : 0;
    if (inRow > MAX_OPEN_GOPS) throw new ValueError(`${r.what}: more than ${MAX_OPEN_GOPS} open GoPs in a row`);
  }
}
