// Sections 5.3 and 8.1, read_network: NETWORK units, and what their words carry.

import { Coder } from './ans.mjs';
import { NETWORK } from './container.mjs';
import { checkBound } from './convolution.mjs';
import { levelLayers } from './layers.mjs';
import { GRID } from './sequence.mjs';

/** One level of a network: {layers: name -> layer, step, gop_step}. */
export function readNetworkLevel(container, sequence, segment, n, l, baseModels) {
  const c = sequence.configurations[n];
  const base = baseModels.level(sequence, n, l);
  const r = container.read(NETWORK, segment, n, l);
  const layers = levelLayers(c, l, sequence.chroma_format);
  const header = readNetworkHeader(r, c, l, 2 * layers.length);
  const d = new Coder(r.rest(), r.what);
  const tensors = [];
  layers.forEach((layer, i) => {
    tensors.push(readTensor(d, layer.out * layer.in * layer.K * layer.K, header.scale_index[2 * i], base?.[2 * i]));
    tensors.push(readTensor(d, layer.kinds * layer.out, header.scale_index[2 * i + 1], base?.[2 * i + 1]));
  });
  d.endCheck();
  layers.forEach((layer, i) => {
    const s = header.shift[2 * i];
    layer.n = layer.name === 'context_output' ? s + 5 : s;
    layer.weight = tensors[2 * i];
    layer.bias = Int32Array.from(tensors[2 * i + 1], (b) => b << header.shift[2 * i + 1]);
    checkBound(layer, r.what);
  });
  const byName = Object.fromEntries(layers.map((layer) => [layer.name, layer]));
  return { layers: byName, tensors, step: header.step, gop_step: header.gop_step };
}

function readNetworkHeader(r, c, l, tensorCount) {
  const L = c.grid_channels[l];
  const [stepBits, highest] = c.role === GRID ? [8, 255] : [10, 1023];
  const h = { scale_index: [], shift: [], step: [], gop_step: [] };
  r.u('tensor_count', 8, tensorCount, tensorCount);
  for (let t = 0; t < tensorCount; t++) {
    h.scale_index.push(r.u(`scale_index[${t}]`, 6, 0, 39));
    h.shift.push(r.u(`shift[${t}]`, 4));
  }
  for (let i = 0; i < c.step_rows * L; i++) h.step.push(r.u(`step[${i}]`, stepBits, 1, highest));
  if (c.gop_grid_flag[l]) for (let i = 0; i < L; i++) h.gop_step.push(r.u(`gop_step[${i}]`, 8, 1));
  return h;
}

function readTensor(d, count, scale_index, base) {
  const tensor = Int8Array.from(d.decodeUniform(5 * scale_index, count)); // Int8Array wraps
  if (base) for (let i = 0; i < count; i++) tensor[i] += base[i];
  return tensor;
}
