// Section 5.3.2: base models, whose files the caller hands in.

import { Container } from './container.mjs';
import { NetworkError, RequestError } from './errors.mjs';
import { readNetworkLevel } from './network.mjs';
import { readSequence } from './sequence.mjs';
import { hex, sha256 } from './sha256.mjs';

const FILE_SHA256 = {
  2: '19760de6e2ff351d871378224f08d554f19dbd80ebd36e992cd9e5d24ceeabd8',
  3: '6052e4c606dbf8cdeaff859391455f843aea396f99843a01b7fe833ac2a334d7',
  4: '85a58a20a192574aef57d31202b5b5835b2cfff13d949423561b954d03abe11b',
};
export const BASE_MODEL_NUMBERS = Object.keys(FILE_SHA256).map(Number);
const NONE = { level: () => null };

export class BaseModels {
  /** files: number -> bytes of the base model's file. */
  constructor(files) {
    this.files = files;
    this.models = {}; // number -> {container, sequence, levels}
  }

  /** The base tensors of network n at level l of a sequence, or null for base model 0. */
  level(sequence, n, l) {
    const { base_model } = sequence.configurations[n];
    if (base_model === 0) return null;
    const model = (this.models[base_model] ??= this.open(base_model));
    checkAgreement(sequence, model.sequence, n, base_model);
    return (model.levels[`${n}/${l}`] ??= readNetworkLevel(model.container, model.sequence, 0, n, l, NONE).tensors);
  }

  open(number) {
    const bytes = this.files[number];
    if (!bytes) throw new RequestError(`the file needs base model ${number}, which was not given`);
    if (hex(sha256(bytes)) !== FILE_SHA256[number]) {
      throw new RequestError(`what was given as base model ${number} is another file`);
    }
    const container = new Container(bytes);
    return { container, sequence: readSequence(container, { anyVersion: true }), levels: {} };
  }
}

function checkAgreement(sequence, base, n, number) {
  const comparable = (q) => JSON.stringify({ ...q.configurations[n], base_model: 0, chroma: q.chroma_format });
  if (comparable(sequence) !== comparable(base)) {
    throw new NetworkError(`NETWORK units of network ${n}: the configuration is not that of base model ${number}`);
  }
}
