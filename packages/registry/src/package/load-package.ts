import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PrimumError, canonicalJson } from '@primum/base';
import { parseCodeTable, parseFeatureSet, type CodeTable, type FeatureSet } from '@primum/datasets';
import { ensembleFromJson, type TreeEnsemble } from '@primum/formats';
import { parseAlertPolicy, type AlertPolicy } from '../alert-policy/alert-policy.ts';
import { packageFiles, parseManifest, type Manifest, type PackageFile } from './manifest.ts';
import { parseSignature, verifyText, type TrustedKey } from './signing.ts';
import { parseTrainingStays, type TrainingStays } from './training-stays.ts';

/** A verified package in memory. */
export type ModelPackage = {
  dir: string;
  /** SHA-256, hex, of the manifest's canonical JSON: the model's identity in prediction records. */
  digest: string;
  manifest: Manifest;
  signedBy: { keyId: string; name: string };
  onnx: Uint8Array;
  ensemble: TreeEnsemble;
  featureSet: FeatureSet;
  codes: CodeTable;
  alertPolicy: AlertPolicy;
  /** `metrics.json` as parsed. */
  metrics: unknown;
  trainingStays: TrainingStays;
  /** `MODEL_CARD.md`. */
  card: string;
};

const maxFileBytes = 256 * 1024 * 1024;

/**
 * Loads a package whose signature is by a trusted key and whose files all have their digests; nothing of it is parsed
 * before that. Throws `model.signature-invalid`, `model.digest-mismatch`, `model.package-invalid`.
 */
export async function loadPackage(dir: string, { trustedKeys }: { trustedKeys: readonly TrustedKey[] }): Promise<ModelPackage> {
  const manifestJson = json(await read(dir, 'manifest.json'), 'manifest.json');
  const signature = parseSignature(json(await read(dir, 'signature.json'), 'signature.json'));
  const canonical = canonicalJson(manifestJson);
  const { keyId, name } = verifyText(trustedKeys, canonical, signature);
  const manifest = parseManifest(manifestJson);
  const files: Partial<Record<PackageFile, Buffer>> = {};
  for (const file of packageFiles) {
    const bytes = await read(dir, file);
    if (createHash('sha256').update(bytes).digest('hex') !== manifest.files[file].sha256) throw new PrimumError('model.digest-mismatch', file);
    files[file] = bytes;
  }
  const content = files as Record<PackageFile, Buffer>; // all were read above
  const featureSet = parseFeatureSet(json(content['features.json'], 'features.json'));
  const alertPolicy = parseAlertPolicy(json(content['alert-policy.json'], 'alert-policy.json'));
  const ensemble = ensembleFromJson(json(content['trees.json'], 'trees.json'));
  if (featureSet.digest !== manifest.digests.featureSet) throw new PrimumError('model.digest-mismatch', 'feature set');
  if (alertPolicy.digest !== manifest.digests.alertPolicy) throw new PrimumError('model.digest-mismatch', 'alert policy');
  if (ensemble.featureCount !== featureSet.features.length) throw new PrimumError('model.package-invalid', 'trees and feature set differ in width');
  return {
    dir,
    digest: createHash('sha256').update(canonical).digest('hex'),
    manifest,
    signedBy: { keyId, name },
    onnx: new Uint8Array(content['model.onnx']),
    ensemble,
    featureSet,
    codes: parseCodeTable(json(content['codes.json'], 'codes.json')),
    alertPolicy,
    metrics: json(content['metrics.json'], 'metrics.json'),
    trainingStays: parseTrainingStays(json(content['training-stays.json'], 'training-stays.json')),
    card: content['MODEL_CARD.md'].toString('utf8'),
  };
}

async function read(dir: string, name: string): Promise<Buffer> {
  try {
    const path = join(dir, name);
    if ((await stat(path)).size > maxFileBytes) throw new PrimumError('model.package-invalid', `${name} is too large`);
    return await readFile(path);
  } catch (error) {
    if (error instanceof PrimumError) throw error;
    throw new PrimumError('model.package-invalid', `${name} cannot be read`, { cause: error });
  }
}

function json(bytes: Buffer, name: string): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new PrimumError('model.package-invalid', `${name} is not JSON`);
  }
}
