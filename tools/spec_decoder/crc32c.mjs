// Section 3.3: CRC-32C.

const STEP = new Int32Array(256).map((_, byte) => {
  let c = byte;
  for (let i = 0; i < 8; i++) c = (c >>> 1) ^ (c & 1 ? 0x82f63b78 : 0);
  return c;
});

export function crc32c(bytes) {
  let c = -1;
  for (let i = 0; i < bytes.length; i++) c = (c >>> 8) ^ STEP[(c ^ bytes[i]) & 255];
  return ~c >>> 0;
}
