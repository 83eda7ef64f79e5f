import { generateKeyPairSync } from 'node:crypto';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { manualClock } from '@primum/base';
import { createTimeline, evaluateFeatures, physionetColumns, physionetStays, rowKnownAt, stayToFacts } from '@primum/datasets';
import { predictMargins } from '@primum/formats';
import { createOnnxEngine } from '@primum/inference';
import { isTrainingStay, loadPackage, trustedKeyOf } from '@primum/registry';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seededRandom } from './gbdt/random.ts';
import { trainPack, type TrainResult } from './train-pack.ts';
import type { TrainProgress } from './train-pack.ts';

const { privateKey } = generateKeyPairSync('ed25519');
const header = ['patient_id', ...physionetColumns, 'Age', 'Gender', 'Unit1', 'Unit2', 'HospAdmTime', 'ICULOS', 'SepsisLabel'];

/** Stays in which a septic one's heart rate and lactate rise over its last twelve hours. */
function syntheticCsv(hospital: 0 | 1, stayCount: number, seed: number): string {
  const random = seededRandom(seed);
  const lines = [header.join(',')];
  for (let stay = 0; stay < stayCount; stay += 1) {
    const septic = random() < 0.35;
    const hours = 16 + Math.floor(random() * 10);
    const age = (18 + random() * 70).toFixed(2);
    for (let hour = 1; hour <= hours; hour += 1) {
      const ill = septic ? Math.max(0, hour - (hours - 12)) / 12 : 0;
      const cells: Record<string, string> = {
        patient_id: `p${hospital}${String(stay).padStart(5, '0')}`, HR: (80 + 40 * ill + 10 * random()).toFixed(0), Resp: (16 + 8 * random()).toFixed(0),
        O2Sat: (95 + 4 * random()).toFixed(0), SBP: hour % 5 === 0 ? '' : (120 + 20 * random()).toFixed(0), Age: age, Gender: String(stay % 2),
        HospAdmTime: '-3.5', ICULOS: String(hour), SepsisLabel: septic && hour > hours - 9 ? '1' : '0',
      };
      if (hour % 4 === 0) cells['Lactate'] = (1 + 3 * ill + random()).toFixed(1);
      lines.push(header.map((name) => cells[name] ?? '').join(','));
    }
  }
  return `${lines.join('\n')}\n`;
}

let folder: string;
let result: TrainResult;
const phases: TrainProgress[] = [];
const paths = (): { packDir: string; dataFiles: string[]; outDir: string } =>
  ({ packDir: join(folder, 'pack'), dataFiles: [join(folder, 'a.csv'), join(folder, 'b.csv')], outDir: join(folder, 'model') });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'primum-train-'));
  const pack = fileURLToPath(new URL('../../../packs/sepsis', import.meta.url));
  await cp(pack, join(folder, 'pack'), { recursive: true, filter: (path) => !path.includes('model') });
  await writeFile(join(folder, 'pack', 'trainer.json'), JSON.stringify({ folds: 2, gbdt: { trees: 8, maxLeaves: 7, learningRate: 0.2, minChildWeight: 1, featureFraction: 0.5 } }));
  await writeFile(join(folder, 'a.csv'), syntheticCsv(0, 220, 1));
  await writeFile(join(folder, 'b.csv'), syntheticCsv(1, 90, 2));
  await using engine = createOnnxEngine();
  result = await trainPack({ clock: manualClock(new Date('2026-01-01T00:00:00Z')), signingKey: privateKey, engine, workers: 1, onProgress: (progress) => phases.push(progress) }, paths());
}, 120_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

const load = (): ReturnType<typeof loadPackage> => loadPackage(paths().outDir, { trustedKeys: [trustedKeyOf(privateKey, 'test')] });

describe('trainPack', () => {
  it('writes a package that verifies and names what it was made from', async () => {
    const loaded = await load();
    expect(loaded.manifest).toEqual(result.manifest);
    expect(loaded.manifest).toMatchObject({ id: 'sepsis', createdAt: '2026-01-01T00:00:00.000Z', training: { stays: 310, trees: 8, seed: 1 } });
    expect(isTrainingStay(loaded.trainingStays, 'p000003')).toBe(true);
    expect(isTrainingStay(loaded.trainingStays, 'p000999')).toBe(false);
  });

  it('gives the bedside what it gave the trainer: facts → features → ONNX = trees', async () => {
    const loaded = await load();
    await using engine = createOnnxEngine();
    await engine.load('m', loaded.onnx);
    for await (const stay of physionetStays(join(folder, 'b.csv'))) {
      const start = Date.UTC(2026, 5, 5, 3, 4, 5);
      const timeline = createTimeline(stayToFacts(stay, { icuAdmitAt: start, codes: loaded.codes }).facts);
      const { values } = evaluateFeatures(loaded.featureSet, timeline, rowKnownAt(start, 15));
      const { probability } = await engine.run('m', values, 1);
      expect(Math.abs(probability[0]! - 1 / (1 + Math.exp(-predictMargins(loaded.ensemble, values)[0]!)))).toBeLessThan(1e-6);
      if (stay.id === 'p100009') break;
    }
    expect(result.largestOnnxDifference).toBeLessThan(1e-6);
  });

  it('learns what there is to learn, calibrated, and says what it could not assess', () => {
    expect(result.report.all.auroc.estimate).toBeGreaterThan(0.85);
    expect(result.report.all.calibrationSlope.estimate).toBeGreaterThan(0.8);
    expect(result.report.all.calibrationSlope.estimate).toBeLessThan(1.2);
    expect(result.report.withheldShare).toBe(0);
    expect(result.report.subgroups.find(({ by, group }) => by === 'site' && group === 'physionet2019-a')?.metrics?.auroc.estimate).toBeGreaterThan(0.8);
    expect(result.report.subgroups.find(({ by, group }) => by === 'site' && group === 'physionet2019-b')?.metrics).toBeNull();
    expect(result.ablations.map(({ name, columns }) => [name.split(' ')[0], columns])).toEqual([['all', 89], ['physiology', 62], ['care', 27]]);
    expect(result.transport).toHaveLength(2);
  });

  it('writes a card without a gap', async () => {
    const card = await readFile(join(paths().outDir, 'MODEL_CARD.md'), 'utf8');
    expect(card).toContain('not for clinical use');
    expect(card).toContain('site physionet2019-b (90 stays)');
    expect(card).not.toMatch(/\{\{|NaN|undefined/);
  });

  it('reports its phases in order', () => {
    expect([...new Set(phases.map(({ phase }) => phase))]).toEqual(['bin', 'cross-validation', 'ablations', 'sites', 'final', 'onnx-check', 'metrics', 'write']);
    expect(phases.filter(({ phase }) => phase === 'cross-validation').at(-1)).toMatchObject({ done: 16, total: 16 });
  });

  it('is the same again under the same seed, with any number of threads', async () => {
    await using engine = createOnnxEngine();
    const outDir = join(folder, 'again');
    await trainPack({ clock: manualClock(new Date('2026-01-01T00:00:00Z')), signingKey: privateKey, engine, workers: 2 }, { ...paths(), outDir });
    const again = await loadPackage(outDir, { trustedKeys: [trustedKeyOf(privateKey, 'test')] });
    expect(again.manifest.files).toEqual((await load()).manifest.files);
  });

  it('refuses data it cannot use, and writes nothing', async () => {
    await using engine = createOnnxEngine();
    const deps = { clock: manualClock(new Date(0)), signingKey: privateKey, engine };
    const outDir = join(folder, 'none');
    await writeFile(join(folder, 'well.csv'), syntheticCsv(0, 20, 3).replaceAll(/,1$/gm, ',0'));
    await expect(trainPack(deps, { ...paths(), dataFiles: [join(folder, 'well.csv')], outDir })).rejects.toMatchObject({ code: 'training.data-invalid' });
    await expect(trainPack(deps, { ...paths(), dataFiles: [join(folder, 'gone.csv')], outDir })).rejects.toMatchObject({ code: 'import.file-unreadable' });
    await expect(trainPack(deps, { ...paths(), packDir: folder, outDir })).rejects.toMatchObject({ code: 'config.invalid' });
    await expect(loadPackage(outDir, { trustedKeys: [] })).rejects.toMatchObject({ code: 'model.package-invalid' });
  });
});
