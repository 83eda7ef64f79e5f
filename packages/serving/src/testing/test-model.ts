import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseFeatureSet } from '@primum/datasets';
import { treeEnsembleToOnnx, type Tree, type TreeEnsemble } from '@primum/formats';
import { parseCodeTable } from '@primum/record';
import { packageFiles, parseAlertPolicy, type Manifest, type ModelPackage } from '@primum/registry';

const pack = join(import.meta.dirname, '..', '..', '..', '..', 'packs', 'sepsis');
const json = (name: string): unknown => JSON.parse(readFileSync(join(pack, name), 'utf8'));

/**
 * A model over the pack's own feature set for tests that must not wait for a training: a fast heart, a low pressure and
 * a high lactate raise the score, and a spread of small trees touches many other inputs. It knows nothing of medicine.
 */
export function createTestModel(version = '0.0.1'): ModelPackage {
  const featureSet = parseFeatureSet(json('features.json'));
  const alertPolicy = parseAlertPolicy({
    id: 'test-policy', version: '1', title: 'Test policy', minRealertMinutes: 240, maxSnoozeMinutes: 240,
    tiers: [{ tier: 'watch', raiseAt: 0.15, clearBelow: 0.08 }, { tier: 'high', raiseAt: 0.35, clearBelow: 0.2 }],
  });
  const at = (name: string): number => featureSet.features.findIndex((feature) => feature.name === name);
  const random = generator(7);
  const small = Array.from({ length: 60 }, () => stump(Math.floor(random() * featureSet.features.length), random() * 120, (random() - 0.5) * 0.1, (random() - 0.5) * 0.1));
  const ensemble: TreeEnsemble = {
    featureCount: featureSet.features.length,
    baseScore: -3,
    trees: [stump(at('heart_rate_last'), 110, -0.4, 1.6), stump(at('map_last'), 65, 1.4, -0.3), stump(at('lactate_last'), 2, -0.2, 1.1), ...small],
    calibration: { slope: 0.95, intercept: 0.05 },
  };
  const digest = (version === '0.0.1' ? 'a' : 'b').repeat(64);
  const manifest: Manifest = {
    format: 'primum-model-package/1', id: 'test-model', version, title: 'Test model', intendedUse: 'tests', createdAt: '2026-01-01T00:00:00.000Z',
    files: Object.fromEntries(packageFiles.map((name) => [name, { sha256: '0'.repeat(64), bytes: 0 }])) as Manifest['files'], // its keys are packageFiles
    digests: { featureSet: featureSet.digest, alertPolicy: alertPolicy.digest, trainingData: '0'.repeat(64), code: '0'.repeat(64) },
    training: { rows: 0, stays: 0, septicStays: 0, seed: 0, trees: ensemble.trees.length },
    summary: {},
  };
  return {
    dir: pack, digest, manifest, signedBy: { keyId: 'test', name: 'test' }, onnx: treeEnsembleToOnnx(ensemble, { graphName: 'test' }), ensemble, featureSet,
    codes: parseCodeTable(json('codes.json')), alertPolicy, metrics: {}, trainingStays: { salt: '', digests: new Set() }, card: '',
  };
}

/** Below the threshold `low`, above it `high`; a missing value goes low. */
function stump(feature: number, threshold: number, low: number, high: number): Tree {
  return {
    feature: Int32Array.of(feature, -1, -1), threshold: Float32Array.of(threshold, 0, 0), left: Int32Array.of(1, 0, 0), right: Int32Array.of(2, 0, 0),
    missingLeft: Uint8Array.of(1, 0, 0), value: Float32Array.of(0, low, high), cover: Float64Array.of(10, 7, 3),
  };
}

/** Mulberry32. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
