import { readFile, readdir, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { encounterCodes, physionetColumns } from '@primum/datasets';
import { predictMargins, sigmoid } from '@primum/formats';
import { createOnnxEngine } from '@primum/inference';
import { isTrainingStay, loadPackage, parseTrustedKeys, type ModelPackage } from '@primum/registry';
import { beforeAll, describe, expect, it } from 'vitest';
import { seededRandom } from './gbdt/random.ts';
import { readPack, type Pack } from './pack/read-pack.ts';

const folder = (path: string): string => fileURLToPath(new URL(`../../../packs/sepsis/${path}`, import.meta.url));
let model: ModelPackage;
let pack: Pack;
beforeAll(async () => {
  const trustedKeys = parseTrustedKeys(JSON.parse(await readFile(folder('trusted-keys.json'), 'utf8')));
  model = await loadPackage(folder('model'), { trustedKeys });
  pack = await readPack(folder(''));
});

describe('the sepsis model that ships', () => {
  it('was made from the feature set, code table and alert policy of its pack', () => {
    expect(model.featureSet.digest).toBe(pack.featureSet.digest);
    expect(model.alertPolicy.digest).toBe(pack.alertPolicy.digest);
    expect(model.codes).toEqual(pack.codes);
  });

  it('is small enough to stand in the repository', async () => {
    const names = await readdir(folder('model'));
    const sizes = await Promise.all(names.map(async (name) => (await stat(folder(`model/${name}`))).size));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(8_000_000);
  });

  it('gives the trees\' probability in ONNX Runtime, missing values included', async () => {
    const width = model.featureSet.features.length;
    const random = seededRandom(11);
    const columns = model.ensemble.trees.flatMap((tree) => Array.from(tree.feature, (feature, node) => [feature, tree.threshold[node]!] as const)).filter(([feature]) => feature >= 0);
    const rows = new Float32Array(500 * width).fill(Number.NaN);
    for (let at = 0; at < 40_000; at += 1) {
      const [column, threshold] = columns[Math.floor(random() * columns.length)]!;
      rows[Math.floor(random() * 500) * width + column] = Math.abs(threshold) < 1e30 ? threshold * (1 + 0.1 * (random() - 0.5)) : 1;
    }
    await using engine = createOnnxEngine();
    await engine.load(model.digest, model.onnx);
    const { probability } = await engine.run(model.digest, rows, 500);
    const expected = predictMargins(model.ensemble, rows).map(sigmoid);
    expect(Math.max(...expected.map((value, row) => Math.abs(value - probability[row]!)))).toBeLessThan(1e-6);
    expect(new Set(probability).size).toBeGreaterThan(100);
  });

  it('says that it is no medical device, what it leans on and what could not be assessed', () => {
    for (const words of ['not for clinical use', '21 CFR 880.6316', 'no culture, antibiotic or treatment times', 'Could not be assessed:** ', 'care process', 'NEWS2']) {
      expect(model.card).toContain(words);
    }
    expect(model.card).not.toMatch(/\{\{|NaN|undefined/);
  });

  it('knows the stays that it was trained on', () => {
    expect(isTrainingStay(model.trainingStays, 'p000001')).toBe(true);
    expect(isTrainingStay(model.trainingStays, 'p999999')).toBe(false);
  });

  it('reads only codes that the code table and both hospitals have', () => {
    const known = new Set<string>([encounterCodes.ageYears, encounterCodes.sex]);
    for (const column of physionetColumns) known.add(pack.codes.sources.get('physionet2019-a')!.columns[column]!.code);
    expect(model.featureSet.codes.filter((code) => !known.has(code) || !pack.codes.byCode.has(code))).toEqual([]);
  });
});
