import { jsonShape } from '@primum/base';

export const packageFormat = 'primum-model-package/1';

/** The files of a package; each stands in the manifest with its digest, and the manifest is what is signed. */
export const packageFiles = [
  'model.onnx', 'trees.json', 'features.json', 'codes.json', 'alert-policy.json', 'metrics.json', 'training-stays.json', 'MODEL_CARD.md',
] as const;

export type PackageFile = (typeof packageFiles)[number];

/** `manifest.json`. Digests are SHA-256 in lower-case hex. */
export type Manifest = {
  format: typeof packageFormat;
  id: string;
  version: string;
  title: string;
  intendedUse: string;
  /** ISO 8601, UTC. */
  createdAt: string;
  files: Record<PackageFile, { sha256: string; bytes: number }>;
  digests: {
    /** Of the feature set's and alert policy's canonical JSON, as prediction records name them. */
    featureSet: string;
    alertPolicy: string;
    /** Of the training files' bytes, in order. */
    trainingData: string;
    /** Of the source that computes features and trains. */
    code: string;
  };
  training: { rows: number; stays: number; septicStays: number; seed: number; trees: number };
  /** Out-of-fold, all hours: estimate and 95 % interval. */
  summary: Record<string, { estimate: number; low: number; high: number }>;
};

const { object, text, number, oneOf, invalid } = jsonShape('model.package-invalid');
const digestPattern = /^[0-9a-f]{64}$/;

/** Checks a parsed manifest; throws `model.package-invalid` with the place of the first mistake. */
export function parseManifest(json: unknown): Manifest {
  const root = object(json, 'manifest');
  const digest = (value: unknown, at: string): string => {
    const found = text(value, at);
    if (!digestPattern.test(found)) throw invalid(`${at} is not a SHA-256 digest`);
    return found;
  };
  const files = object(root['files'], 'files');
  const digests = object(root['digests'], 'digests');
  const training = object(root['training'], 'training');
  const summary = object(root['summary'], 'summary');
  return {
    format: oneOf(root['format'], [packageFormat], 'format'),
    id: text(root['id'], 'id'),
    version: text(root['version'], 'version'),
    title: text(root['title'], 'title'),
    intendedUse: text(root['intendedUse'], 'intendedUse'),
    createdAt: text(root['createdAt'], 'createdAt'),
    files: Object.fromEntries(packageFiles.map((name) => {
      const file = object(files[name], `files.${name}`);
      return [name, { sha256: digest(file['sha256'], `files.${name}.sha256`), bytes: number(file['bytes'], `files.${name}.bytes`) }];
    })) as Manifest['files'], // its keys are packageFiles
    digests: {
      featureSet: digest(digests['featureSet'], 'digests.featureSet'),
      alertPolicy: digest(digests['alertPolicy'], 'digests.alertPolicy'),
      trainingData: digest(digests['trainingData'], 'digests.trainingData'),
      code: digest(digests['code'], 'digests.code'),
    },
    training: {
      rows: number(training['rows'], 'training.rows'),
      stays: number(training['stays'], 'training.stays'),
      septicStays: number(training['septicStays'], 'training.septicStays'),
      seed: number(training['seed'], 'training.seed'),
      trees: number(training['trees'], 'training.trees'),
    },
    summary: Object.fromEntries(Object.entries(summary).map(([name, value]) => {
      const interval = object(value, `summary.${name}`);
      const part = (key: string): number => number(interval[key], `summary.${name}.${key}`);
      return [name, { estimate: part('estimate'), low: part('low'), high: part('high') }];
    })),
  };
}
