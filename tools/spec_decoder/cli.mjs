#!/usr/bin/env node
// The command: node cli.mjs IN.msn -o OUT.yuv [--scale 1/2] [--verify]. The only module that knows files.

import { closeSync, existsSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { BASE_MODEL_NUMBERS, Decoder, MsnError, SCALES, planeBytes } from './decoder.mjs';

const USAGE = `usage: node cli.mjs IN.msn -o OUT.yuv [--scale ${SCALES.join('|')}] [--verify] [--frames FIRST:LAST]
                   [--base-models FOLDER]

Writes planar pictures, two bytes a sample (little-endian) above 8 bits; "-o -" is standard output.
--frames: pictures FIRST to LAST - 1. --verify: compares the digests that the file has. --base-models: where 2.msn and
3.msn are.`;
const BASE_MODELS = fileURLToPath(new URL('../../nvcodec/decoder/base_models', import.meta.url));

class UsageError extends Error {}

function readOptions(args) {
  const options = {
    output: { type: 'string', short: 'o' },
    scale: { type: 'string', default: '1' },
    verify: { type: 'boolean', default: false },
    frames: { type: 'string' },
    'base-models': { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  };
  let parsed;
  try {
    parsed = parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error.message.split('\n')[0]);
  }
  const { values, positionals } = parsed;
  if (values.help) return values;
  if (positionals.length !== 1) throw new UsageError('one input file, please');
  if (values.output === undefined) throw new UsageError('-o is missing');
  if (!SCALES.includes(values.scale)) throw new UsageError(`--scale is one of ${SCALES.join(', ')}`);
  const frames = values.frames?.match(/^(\d+):(\d+)$/);
  if (values.frames !== undefined && !frames) throw new UsageError('--frames is FIRST:LAST');
  return { ...values, input: positionals[0], range: frames ? { first: +frames[1], last: +frames[2] } : {} };
}

/** Those that there are; the decoder says so if it needs one and has none. */
function readBaseModels(folder = BASE_MODELS) {
  const path = (number) => join(folder, `${number}.msn`);
  const there = BASE_MODEL_NUMBERS.filter((number) => existsSync(path(number)));
  return Object.fromEntries(there.map((number) => [number, readFileSync(path(number))]));
}

function writeFully(file, bytes) {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(file, bytes, at);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error; // a pipe that is full
    }
  }
}

/** A file appears only when it is whole. What went to standard output or to a device stands. */
function withOutput(path, write) {
  if (path === '-') return write(1);
  const isFile = statSync(path, { throwIfNoEntry: false })?.isFile() ?? true;
  if (!isFile) return writeFileTo(path, write); // a device or a pipe must not be replaced
  const partial = `${path}.part`;
  try {
    writeFileTo(partial, write);
    renameSync(partial, path);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
}

function writeFileTo(path, write) {
  const file = openSync(path, 'w');
  try {
    write(file);
  } finally {
    closeSync(file);
  }
}

function main() {
  const options = readOptions(process.argv.slice(2));
  if (options.help) return console.log(USAGE);
  const decoder = new Decoder(readFileSync(options.input), { baseModels: readBaseModels(options['base-models']) });
  const { scale, verify, range } = options;
  withOutput(options.output, (file) => {
    for (const { planes } of decoder.pictures({ scale, verify, ...range })) {
      for (const bytes of planeBytes(planes)) writeFully(file, bytes);
    }
  });
}

try {
  main();
} catch (error) {
  const known = error instanceof MsnError || error instanceof UsageError || error.code;
  if (!known) throw error;
  console.error(`${error instanceof UsageError ? 'usage' : 'error'}: ${error.message}`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
