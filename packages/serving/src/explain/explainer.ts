import { PrimumError } from '@primum/base';
import type { TreeEnsemble } from '@primum/formats';
import { createComputePool, type ComputePoolOptions } from '@primum/inference';
import type { ExplainRequest, ExplainResponse } from './explain-worker.ts';
import type { Explanation } from './tree-shap.ts';

/** Explains scores off the main thread. Models are named by their digest, as for the inference engine. */
export type Explainer = AsyncDisposable & {
  /** Throws `model.package-invalid` where the trees cannot be explained. Loading twice is loading once. */
  load: (digest: string, ensemble: TreeEnsemble) => Promise<void>;
  unload: (digest: string) => Promise<void>;
  /**
   * Exact contributions of one row (float32, NaN = missing). `servedMargin`: the log-odds that the inference engine
   * gave, which the parts must sum to as well. Errors: `model.not-loaded`, `features.invalid`,
   * `model.additivity-failed`, `compute.overloaded`, `compute.failed`.
   */
  explain: (digest: string, row: Float32Array, servedMargin?: number) => Promise<Explanation>;
  close: () => Promise<void>;
};

export function createExplainer(options: Omit<ComputePoolOptions, 'entry'> = {}): Explainer {
  const pool = createComputePool<ExplainRequest, ExplainResponse>({ ...options, entry: new URL('./explain-worker.ts', import.meta.url) });
  const loaded = new Set<string>();
  const close = async (): Promise<void> => {
    loaded.clear();
    await pool.close();
  };
  return {
    async load(digest, ensemble) {
      if (loaded.has(digest)) return;
      await pool.setUp(digest, { kind: 'load', digest, ensemble });
      loaded.add(digest);
    },
    async unload(digest) {
      if (loaded.delete(digest)) await pool.tearDown(digest, { kind: 'unload', digest });
    },
    async explain(digest, row, servedMargin) {
      if (!loaded.has(digest)) throw new PrimumError('model.not-loaded', digest);
      // Posting a view copies the whole buffer under it.
      const own = row.byteLength < row.buffer.byteLength ? row.slice() : row;
      const answer = await pool.call({ kind: 'explain', digest, row: own, servedMargin });
      if (!('contributions' in answer)) throw new PrimumError('internal.bug', 'an explanation was answered otherwise');
      return answer;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
