// Sections 4.6 and 8.2: which GoPs and which of their pictures are decoded, where pictures refer to each other.

import { codingOrder } from './structure.mjs';

/**
 * Pictures first..last - 1 of a segment, as [number, planes, gop] in display order.
 * decodeGop(gop, order, needed, anchor) yields {planes, fields} of the needed pictures, by number; anchor is
 * {planes, fields} of picture -1, or null.
 */
export function* decodeChain({ gops }, { first, last }, decodeGop) {
  const isWanted = (gop, p) => gop.first + p >= first && gop.first + p < last;
  const hasWanted = (gop) => gop.first < last && gop.first + gop.length > first;
  let start = gops.findIndex(hasWanted);
  const end = gops.findLastIndex(hasWanted);
  while (gops[start].open) start--;
  let anchor = null; // of the GoP before
  for (let g = start; g <= end; g++) {
    const gop = gops[g];
    const order = codingOrder(gop.length, gop.open);
    const leadsOn = g < end && gops[g + 1].open;
    const needed = neededPictures(order, gop, (p) => isWanted(gop, p), leadsOn);
    const { planes, fields } = decodeGop(gop, order, needed, gop.open ? anchor : null);
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
export function anchorOf(gop, planes, fields) {
  const last = gop.length - 1;
  const renumbered = fields.get(last)?.map((f) => ({ ...f, towards: f.towards - gop.length }));
  return { planes: planes.get(last), fields: renumbered ?? null };
}
