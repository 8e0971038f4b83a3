// Section 6.12: the residual of a plane from its coefficients.

const STEP = [16, 18, 20, 23, 25, 29];
const LARGEST = 32767;

/** M_N by N, rows one after another. */
const M = {
  1: [64],
  2: [64, 64, 64, -64],
  4: [64, 64, 64, 64, 83, 36, -36, -83, 64, -64, -64, 64, 36, -83, 83, -36],
  8: [
    64, 64, 64, 64, 64, 64, 64, 64,
    89, 75, 50, 18, -18, -50, -75, -89,
    83, 36, -36, -83, -83, -36, 36, 83,
    75, -18, -89, -50, 50, 89, 18, -75,
    64, -64, -64, 64, 64, -64, -64, 64,
    50, -89, 18, 75, -75, -18, 89, -50,
    36, -83, 83, -36, -36, 83, -83, 36,
    18, -50, 75, -89, 89, -75, 50, -18,
  ],
};

export const stepOf = (qp) => STEP[qp % 6] << Math.floor(qp / 6);

/** r of a plane of rows x columns samples at scale 1/2^s, from its coefficients (coefficients.mjs). */
export function residual(coefficients, qp, s, rows, columns) {
  const N = 8 >> s;
  const C = new Int32Array(N * N);
  const r = new Int32Array(rows * columns);
  const step = stepOf(qp);
  for (let b = 0; b < coefficients.blocks; b++) {
    if (!dequantise(coefficients, b, step, N, C)) continue;
    const samples = inverse(C, N);
    const top = N * Math.floor(b / coefficients.columns);
    const left = N * (b % coefficients.columns);
    for (let y = 0; y < N && top + y < rows; y++) {
      for (let x = 0; x < N && left + x < columns; x++) r[(top + y) * columns + left + x] = samples[N * y + x];
    }
  }
  return r;
}

/** C of block b; false if all are 0. */
function dequantise({ blocks, q }, b, step, N, C) {
  let any = 0;
  for (let u = 0, at = 0; u < N; u++) {
    for (let v = 0; v < N; v++) {
      const value = q[(8 * u + v) * blocks + b] * step;
      C[at++] = value > LARGEST ? LARGEST : value < -LARGEST ? -LARGEST : value;
      any |= value;
    }
  }
  return any !== 0;
}

export function inverse(C, N) {
  const h = new Int32Array(N * N).fill(64);
  for (let u = 0; u < N; u++) {
    for (let v = 0; v < N; v++) {
      const c = C[N * u + v];
      if (c) for (let y = 0; y < N; y++) h[N * y + v] += M[N][N * u + y] * c;
    }
  }
  for (let i = 0; i < h.length; i++) h[i] >>= 7;
  const r = new Int32Array(N * N).fill(128);
  for (let y = 0; y < N; y++) {
    for (let v = 0; v < N; v++) {
      const c = h[N * y + v];
      if (c) for (let x = 0; x < N; x++) r[N * y + x] += M[N][N * v + x] * c;
    }
  }
  for (let i = 0; i < r.length; i++) r[i] >>= 8;
  return r;
}

/** For each block, 1 if any q[u][v] with u, v < N is not 0. */
export function codedBlocks({ blocks, q }, N) {
  const coded = new Uint8Array(blocks);
  for (let u = 0; u < N; u++) {
    for (let v = 0; v < N; v++) {
      const start = (8 * u + v) * blocks;
      for (let b = 0; b < blocks; b++) if (q[start + b]) coded[b] = 1;
    }
  }
  return coded;
}
