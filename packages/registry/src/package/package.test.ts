import { generateKeyPairSync } from 'node:crypto';
import { cp, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseFeatureSet } from '@primum/datasets';
import { ensembleToJson } from '@primum/formats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAlertPolicy } from '../alert-policy/alert-policy.ts';
import { codeDigest } from './code-digest.ts';
import { loadPackage } from './load-package.ts';
import { packageFiles } from './manifest.ts';
import { parseTrustedKeys, signingKeyAt, trustedKeyOf } from './signing.ts';
import { isTrainingStay, trainingStaysJson } from './training-stays.ts';
import { writePackage, type PackageContent } from './write-package.ts';

const { privateKey } = generateKeyPairSync('ed25519');
const trustedKeys = [trustedKeyOf(privateKey, 'test')];
const features = {
  id: 'f', version: '1', title: 't', intendedUse: 'u', eligibility: { minAgeYears: 18, inIcu: true, alive: true, comfortCare: false }, required: [],
  features: [{ name: 'x', label: 'X', unit: '1', precision: 0, group: 'physiology', aggregate: 'last', code: '8867-4' }],
};
const policy = {
  id: 'p', version: '1', title: 't', minRealertMinutes: 240, maxSnoozeMinutes: 240,
  tiers: [{ tier: 'watch', raiseAt: 0.1, clearBelow: 0.06 }, { tier: 'high', raiseAt: 0.3, clearBelow: 0.2 }],
};
const leaf = {
  feature: Int32Array.of(-1), threshold: Float32Array.of(0), left: Int32Array.of(0), right: Int32Array.of(0),
  missingLeft: Uint8Array.of(0), value: Float32Array.of(0.5), cover: Float64Array.of(10),
};
const content = (): PackageContent => ({
  id: 'm', version: '1.0.0', title: 't', intendedUse: 'u', createdAt: '2026-01-01T00:00:00.000Z',
  digests: { featureSet: parseFeatureSet(features).digest, alertPolicy: parseAlertPolicy(policy).digest, trainingData: 'a'.repeat(64), code: 'b'.repeat(64) },
  training: { rows: 10, stays: 2, septicStays: 1, seed: 1, trees: 1 },
  summary: { auroc: { estimate: 0.8, low: 0.7, high: 0.9 } },
  files: {
    'model.onnx': Uint8Array.of(1, 2, 3), 'trees.json': JSON.stringify(ensembleToJson({ featureCount: 1, baseScore: 0, trees: [leaf] })),
    'features.json': JSON.stringify(features), 'codes.json': JSON.stringify({ id: 'c', version: '1', codes: [], sources: {} }),
    'alert-policy.json': JSON.stringify(policy), 'metrics.json': '{}', 'training-stays.json': JSON.stringify(trainingStaysJson(['p000001'])), 'MODEL_CARD.md': '# Card',
  },
});

let folder: string;
let whole: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'primum-package-'));
  whole = join(folder, 'model');
  await writePackage({ signingKey: privateKey }, whole, content());
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const copy = async (name: string): Promise<string> => {
  const dir = join(folder, name);
  await cp(whole, dir, { recursive: true });
  return dir;
};

describe('a model package', () => {
  it('loads as it was written', async () => {
    const loaded = await loadPackage(whole, { trustedKeys });
    expect(loaded).toMatchObject({ card: '# Card', signedBy: { name: 'test' }, manifest: { id: 'm', files: { 'model.onnx': { bytes: 3 } } } });
    expect(loaded.digest).toMatch(/^[0-9a-f]{64}$/);
    expect([...loaded.onnx]).toEqual([1, 2, 3]);
    expect(isTrainingStay(loaded.trainingStays, 'p000001')).toBe(true);
    expect(isTrainingStay(loaded.trainingStays, 'p000002')).toBe(false);
  });

  it.each(packageFiles)('is refused when a byte of %s changes, and when the file is gone', async (name) => {
    const dir = await copy(`changed-${name}`);
    const bytes = await readFile(join(dir, name));
    bytes[bytes.length - 1] = bytes.at(-1)! ^ 1;
    await writeFile(join(dir, name), bytes);
    await expect(loadPackage(dir, { trustedKeys })).rejects.toMatchObject({ code: 'model.digest-mismatch', message: expect.stringContaining(name) });
    await rm(join(dir, name));
    await expect(loadPackage(dir, { trustedKeys })).rejects.toMatchObject({ code: 'model.package-invalid', message: expect.stringContaining(name) });
  });

  it('is refused when the manifest or its signature changes, or its key is not trusted', async () => {
    const dir = await copy('manifest');
    const manifest = await readFile(join(dir, 'manifest.json'), 'utf8');
    await writeFile(join(dir, 'manifest.json'), manifest.replace('"1.0.0"', '"1.0.1"'));
    await expect(loadPackage(dir, { trustedKeys })).rejects.toMatchObject({ code: 'model.signature-invalid' });
    await writeFile(join(dir, 'manifest.json'), '{');
    await expect(loadPackage(dir, { trustedKeys })).rejects.toMatchObject({ code: 'model.package-invalid' });
    await expect(loadPackage(whole, { trustedKeys: [] })).rejects.toMatchObject({ code: 'model.signature-invalid' });
    const stranger = { ...trustedKeyOf(generateKeyPairSync('ed25519').privateKey, 'x'), keyId: trustedKeys[0]!.keyId };
    await expect(loadPackage(whole, { trustedKeys: [stranger] })).rejects.toMatchObject({ code: 'model.signature-invalid' });
    await expect(loadPackage(join(folder, 'none'), { trustedKeys })).rejects.toMatchObject({ code: 'model.package-invalid' });
  });

  it('is refused when its feature set is not the one that the manifest names', async () => {
    const dir = join(folder, 'other-set');
    const base = content();
    await writePackage({ signingKey: privateKey }, dir, { ...base, digests: { ...base.digests, featureSet: 'c'.repeat(64) } });
    await expect(loadPackage(dir, { trustedKeys })).rejects.toMatchObject({ code: 'model.digest-mismatch' });
  });

  it('replaces an older package whole', async () => {
    const dir = await copy('older');
    await writePackage({ signingKey: privateKey }, dir, { ...content(), version: '2.0.0' });
    expect((await loadPackage(dir, { trustedKeys })).manifest.version).toBe('2.0.0');
  });
});

describe('keys', () => {
  it('are made once, readable by their owner only, and named by their content', async () => {
    const path = join(folder, 'keys', 'signing.pem');
    const key = await signingKeyAt(path);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const trusted = trustedKeyOf(key, 'n');
    expect(trustedKeyOf(await signingKeyAt(path), 'n')).toEqual(trusted);
    expect(parseTrustedKeys({ keys: [trusted] })).toEqual([trusted]);
    expect(() => parseTrustedKeys({ keys: [{ ...trusted, keyId: '0'.repeat(32) }] })).toThrow(/keyId/);
  });
});

describe('codeDigest', () => {
  it('changes with a source, not with a test', async () => {
    const dir = await mkdtemp(join(folder, 'code-'));
    await writeFile(join(dir, 'a.ts'), 'one');
    const before = await codeDigest([dir]);
    await writeFile(join(dir, 'a.test.ts'), 'two');
    expect(await codeDigest([dir])).toBe(before);
    await writeFile(join(dir, 'a.ts'), 'three');
    expect(await codeDigest([dir])).not.toBe(before);
  });
});
