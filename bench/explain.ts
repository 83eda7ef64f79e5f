import { existsSync, readFileSync } from 'node:fs';
import { ensembleFromJson, type TreeEnsemble } from '@primum/formats';
import { createExplainer, createTreeShap } from '@primum/serving';
import { trainGbdt } from '@primum/training';

const shippedTrees = new URL('../packs/sepsis/model/trees.json', import.meta.url);
const MISSING_SHARE = 0.3;
const WARM_UP = 500;
const CALLS = 5_000;

/**
 * Time of one exact TreeSHAP explanation, additivity check included, of the shipped model: on the calling thread
 * (`p50_ms`, `p99_ms`) and asked of a worker thread and awaited (`thread_p50_ms`, `thread_p99_ms`), one at a time.
 * Rows are drawn around the model's own thresholds, so that all branches are taken. Without a shipped model, a forest
 * of the same size trained on synthetic rows stands in, and `model` says so.
 */
export async function runExplain(): Promise<Record<string, unknown>> {
  const shipped = existsSync(shippedTrees);
  const ensemble = shipped ? ensembleFromJson(JSON.parse(readFileSync(shippedTrees, 'utf8'))) : await syntheticForest();
  const rows = rowsAround(ensemble, WARM_UP + CALLS);
  const explain = createTreeShap(ensemble);
  const inProcess = await timesOf(rows, async (row) => {
    explain(row);
  });
  await using explainer = createExplainer();
  await explainer.load('model', ensemble);
  const onThread = await timesOf(rows, async (row) => {
    await explainer.explain('model', row);
  });
  return {
    model: shipped ? 'shipped' : 'synthetic',
    trees: ensemble.trees.length,
    leaves: ensemble.trees.reduce((sum, { feature }) => sum + feature.filter((column) => column < 0).length, 0),
    columns: ensemble.featureCount,
    explanations: CALLS,
    p50_ms: quantile(inProcess, 0.5),
    p99_ms: quantile(inProcess, 0.99),
    thread_p50_ms: quantile(onThread, 0.5),
    thread_p99_ms: quantile(onThread, 0.99),
  };
}

async function timesOf(rows: readonly Float32Array[], explain: (row: Float32Array) => Promise<void>): Promise<Float64Array> {
  const times: number[] = [];
  for (const row of rows) {
    const startMs = performance.now();
    await explain(row);
    times.push(performance.now() - startMs);
  }
  return Float64Array.from(times.slice(WARM_UP)).sort();
}

function quantile(sorted: Float64Array, share: number): number {
  return Number((sorted[Math.floor(share * sorted.length)] ?? NaN).toFixed(4));
}

/** Each value stands at, or one to either side of, a threshold that the model asks about in its column. */
function rowsAround({ trees, featureCount }: TreeEnsemble, count: number): Float32Array[] {
  const random = uniform();
  const thresholds = Array.from({ length: featureCount }, (): number[] => []);
  for (const { feature, threshold } of trees) {
    feature.forEach((column, node) => thresholds[column]?.push(threshold[node] ?? 0));
  }
  return Array.from({ length: count }, () =>
    Float32Array.from(thresholds, (asked) => {
      if (random() < MISSING_SHARE) return NaN;
      const threshold = asked[Math.floor(random() * asked.length)] ?? 0;
      return threshold > 1e30 ? 0 : threshold + Math.round(random() * 2 - 1);
    }),
  );
}

/** 150 trees of 31 leaves on 89 columns. */
async function syntheticForest(): Promise<TreeEnsemble> {
  const random = uniform();
  const [rowCount, featureCount] = [20_000, 89];
  const features = new Float32Array(rowCount * featureCount).map(() => (random() < MISSING_SHARE ? NaN : Math.round(random() * 200)));
  const labels = new Uint8Array(rowCount).map((_, row) => {
    const at = (column: number): number => features[row * featureCount + column] ?? NaN;
    const risk = (at(0) || 80) + (at(1) || 120) * (at(2) > 100 ? 1 : -0.5) + random() * 150;
    return risk > 260 ? 1 : 0;
  });
  return (await trainGbdt({ features, labels, featureCount, config: { trees: 150 } })).ensemble;
}

/** Park & Miller's minimal standard generator: the same rows in every run. */
function uniform(): () => number {
  let state = 2026;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
