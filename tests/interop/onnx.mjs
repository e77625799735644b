// SPDX-License-Identifier: MIT
//
// node onnx.mjs FOLDER MODULES: runs every model of FOLDER in ONNX Runtime, from the node_modules in MODULES, all samples
// in one batch and the first one alone, and compares with the outputs that the library gave.

import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [folder, modules] = process.argv.slice(2);
const ort = createRequire(join(modules, 'x.js'))('onnxruntime-node');

// A matrix of an .npy file with one column a sample, as the rows that ONNX takes.
function samples(path) {
  const bytes = readFileSync(path);
  const start = 10 + bytes.readUInt16LE(8);
  const header = bytes.toString('latin1', 10, start);
  const [, width] = /'descr': '<f([48])'/.exec(header);
  const [, rows, cols] = /'shape': \((\d+), (\d+)\)/.exec(header).map(Number);
  if (!header.includes("'fortran_order': True")) throw new Error(`${path}: expected columns one after the other`);
  const data = bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + start + rows * cols * Number(width));
  return { type: `float${8 * width}`, numbers: width === '4' ? new Float32Array(data) : new Float64Array(data), rows, cols };
}

const worst = {};
const count = {};
for (const name of readdirSync(folder).filter((file) => file.endsWith('.onnx'))) {
  const stem = join(folder, name.slice(0, -'.onnx'.length));
  const X = samples(`${stem}.X.npy`);
  const A = samples(`${stem}.A.npy`);
  const session = await ort.InferenceSession.create(`${stem}.onnx`, { intraOpNumThreads: 1 });
  const kind = name.split('_')[0] + (name.includes('rounded') ? ' of double' : '');
  const scale = A.numbers.reduce((most, a) => Math.max(most, Math.abs(a)), 1e-30);
  for (const m of [X.cols, 1]) {
    const feed = new ort.Tensor(X.type, X.numbers.slice(0, m * X.rows), [m, X.rows]);
    const { A: given } = await session.run({ X: feed });
    if (given.dims[0] !== m || given.dims[1] !== A.rows) throw new Error(`${name}: outputs of shape ${given.dims}`);
    given.data.forEach((a, i) => {
      const difference = Math.abs(a - A.numbers[i]) / scale;
      worst[kind] = Math.max(worst[kind] ?? 0, Number.isNaN(difference) ? Infinity : difference);
    });
  }
  count[kind] = (count[kind] ?? 0) + 1;
}

const allowed = { float32: 1e-6, float64: 1e-12, 'float32 of double': 1e-6 };
let failed = false;
for (const kind of Object.keys(allowed)) {
  console.log(`${count[kind]} networks in ONNX Runtime, ${kind}: outputs differ by ${worst[kind]?.toExponential(1)} of the largest`);
  if (!(worst[kind] <= allowed[kind])) failed = true;
}
process.exitCode = failed || count.float32 !== 100 || count.float64 !== 40 || count['float32 of double'] !== 20 ? 1 : 0;
