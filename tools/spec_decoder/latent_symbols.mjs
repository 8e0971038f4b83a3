// Section 7.2: latents from symbols.

/** The array of latents with these mean8 and scale_index. */
export function decodeLatents(d, mean8, scale_index) {
  const count = mean8.length;
  const tables = new Uint8Array(count);
  const r = new Int16Array(count);
  const sign = new Int8Array(count);
  for (let i = 0; i < count; i++) {
    r[i] = (mean8[i] + 4) >> 3;
    const difference = mean8[i] - 8 * r[i];
    sign[i] = difference < 0 ? -1 : 1;
    tables[i] = 5 * scale_index[i] + Math.abs(difference);
  }
  const symbols = d.decodeArray(tables);
  const latents = new Int8Array(count);
  for (let i = 0; i < count; i++) latents[i] = r[i] + sign[i] * symbols[i]; // Int8Array wraps
  return latents;
}
