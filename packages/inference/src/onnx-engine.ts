import { createRequire } from 'node:module';
import { PrimumError } from '@primum/base';
import { createComputePool, type ComputePoolOptions } from './compute-pool.ts';
import type { InferenceEngine, Scores } from './engine.ts';
import type { OnnxRequest, OnnxResponse } from './onnx-worker.ts';

export type OnnxEngineOptions = Omit<ComputePoolOptions, 'entry'>;

/** Models that may be loaded at once; the next is refused. */
const MAX_MODELS = 32;

/** The embedded engine: ONNX Runtime on the CPU in worker threads, for its `run` blocks the event loop. */
export function createOnnxEngine(options: OnnxEngineOptions = {}): InferenceEngine {
  const pool = createComputePool<OnnxRequest, OnnxResponse>({ ...options, entry: new URL('./onnx-worker.ts', import.meta.url) });
  const featureCounts = new Map<string, number>();
  const close = async (): Promise<void> => {
    featureCounts.clear();
    await pool.close();
  };
  return {
    runtime: runtimeName(),
    async load(digest, onnx) {
      const known = featureCounts.get(digest);
      if (known !== undefined) return { featureCount: known };
      if (featureCounts.size >= MAX_MODELS) throw new PrimumError('compute.overloaded', `${MAX_MODELS} models are loaded`);
      const answer = await pool.setUp(digest, { kind: 'load', digest, onnx });
      if (!('featureCount' in answer)) throw new PrimumError('internal.bug', 'a load was answered otherwise');
      featureCounts.set(digest, answer.featureCount);
      return answer;
    },
    async unload(digest) {
      if (featureCounts.delete(digest)) await pool.tearDown(digest, { kind: 'unload', digest });
    },
    async run(digest, rows, rowCount): Promise<Scores> {
      const featureCount = featureCounts.get(digest);
      if (featureCount === undefined) throw new PrimumError('model.not-loaded', digest);
      if (rowCount < 1 || rows.length !== rowCount * featureCount) {
        throw new PrimumError('features.invalid', `${rows.length} values are not ${rowCount} rows of ${featureCount}`);
      }
      // Posting a view copies the whole buffer under it.
      const own = rows.byteLength < rows.buffer.byteLength ? rows.slice() : rows;
      const answer = await pool.call({ kind: 'run', digest, rows: own, rowCount });
      if (!('margin' in answer)) throw new PrimumError('internal.bug', 'a run was answered otherwise');
      return answer;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function runtimeName(): string {
  const manifest: unknown = createRequire(import.meta.url)('onnxruntime-node/package.json');
  const version = typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : 'unknown';
  return `onnxruntime ${version} cpu ${process.platform}-${process.arch}`;
}
