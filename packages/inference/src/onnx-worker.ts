import { PrimumError } from '@primum/base';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { answerRequests, type Computed } from './compute-protocol.ts';
import type { Scores } from './engine.ts';

export type OnnxRequest =
  | { kind: 'load'; digest: string; onnx: Uint8Array }
  | { kind: 'unload'; digest: string }
  | { kind: 'run'; digest: string; rows: Float32Array; rowCount: number };
export type OnnxResponse = { featureCount: number } | { unloaded: boolean } | Scores;

const sessions = new Map<string, InferenceSession>();

answerRequests<OnnxRequest, OnnxResponse>(async (request) => {
  switch (request.kind) {
    case 'load':
      return load(request.digest, request.onnx);
    case 'unload':
      await sessions.get(request.digest)?.release();
      return { value: { unloaded: sessions.delete(request.digest) } };
    case 'run':
      return run(request.digest, request.rows, request.rowCount);
  }
});

/** One thread inside the session: with two, some scores change in their last bit from run to run. */
async function load(digest: string, onnx: Uint8Array): Promise<Computed<OnnxResponse>> {
  const known = sessions.get(digest);
  if (known !== undefined) return { value: { featureCount: featureCountOf(known) ?? 0 } };
  const options = { executionProviders: ['cpu'], intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: 'sequential', logSeverityLevel: 4 } as const;
  const session = await InferenceSession.create(onnx, options).catch(() => {
    throw new PrimumError('model.package-invalid', 'ONNX Runtime cannot read the graph');
  });
  const featureCount = featureCountOf(session);
  if (featureCount === undefined || !['margin', 'probability'].every((name) => session.outputNames.includes(name))) {
    await session.release();
    throw new PrimumError('model.package-invalid', 'the graph must turn features [N, d] into margin and probability');
  }
  sessions.set(digest, session);
  return { value: { featureCount } };
}

function featureCountOf(session: InferenceSession): number | undefined {
  const [input, ...others] = session.inputMetadata;
  if (input === undefined || others.length > 0 || !input.isTensor || input.name !== 'features' || input.type !== 'float32') return undefined;
  const columns = input.shape[1];
  return input.shape.length === 2 && typeof columns === 'number' ? columns : undefined;
}

async function run(digest: string, rows: Float32Array, rowCount: number): Promise<Computed<OnnxResponse>> {
  const session = sessions.get(digest);
  if (session === undefined) throw new PrimumError('model.not-loaded', digest);
  const features = new Tensor('float32', rows, [rowCount, rows.length / rowCount]);
  const output = await session.run({ features }, ['margin', 'probability']);
  const value: Scores = { margin: numbersOf(output['margin'], rowCount), probability: numbersOf(output['probability'], rowCount) };
  return { value };
}

function numbersOf(tensor: Tensor | undefined, rowCount: number): Float32Array {
  if (!(tensor?.data instanceof Float32Array) || tensor.data.length !== rowCount) {
    throw new PrimumError('model.package-invalid', 'an output is not one number per row');
  }
  return tensor.data;
}
