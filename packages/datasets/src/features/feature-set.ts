import { createHash } from 'node:crypto';
import { canonicalJson, jsonShape } from '@primum/base';

/**
 * A feature set is data (`features.json` of a pack); `evaluateFeatures` is its one evaluator, at the bedside and in
 * batch. All aggregates but the last four run over hourly medians since ICU admission, and end with the completed
 * hour h that is scored; a window of w hours is the hours h − w + 1 … h.
 */
export const aggregates = [
  'last', //             median of the latest hour that has a value
  'min', 'max', 'mean', // of the window's hours
  'slope', //            least-squares change per hour over the window; missing below two hours with values
  'delta', //            latest minus earliest hour of the window; missing below two hours with values
  'hours-since', //      from the latest fact's effectiveAt to the end of hour h
  'hours-measured', //   number of the window's hours that have a value
  'ratio', //            last(code) ÷ last(over); missing where the divisor is 0
  'difference', //       last(code) − last(over)
  'admission', //        the latest fact of the code, whenever it was effective (age, sex)
  'hours-in-icu', //     h
  'hours-before-icu', // from hospital admission to ICU admission
] as const;

export type Aggregate = (typeof aggregates)[number];

/** Physiology: what the body shows. Process: what the staff did (when and how often something was measured). */
export type FeatureGroup = 'physiology' | 'process';

export type Feature = {
  name: string;
  /** In clinical words, for the screen. */
  label: string;
  /** UCUM. */
  unit: string;
  /** Decimals to show. */
  precision: number;
  group: FeatureGroup;
  aggregate: Aggregate;
  code?: string;
  /** Second code of a ratio or difference. */
  over?: string;
  windowHours?: number;
};

/** A score is withheld unless one of the codes has a value whose age at the end of the hour is at most this. */
export type RequiredInput = { label: string; anyOf: readonly string[]; maxAgeHours: number };

export type FeatureSet = {
  id: string;
  version: string;
  title: string;
  intendedUse: string;
  eligibility: { minAgeYears: number };
  required: readonly RequiredInput[];
  features: readonly Feature[];
  /** SHA-256, hex, of the canonical JSON of the file. */
  digest: string;
  /** The distinct codes that features read; a feature's `codeIndex` points here (−1: none). */
  codes: readonly string[];
  codeIndex: Int32Array;
  overIndex: Int32Array;
};

const maxFeatures = 2_000;
const maxWindowHours = 24 * 14;
const needsCode: ReadonlySet<Aggregate> = new Set(aggregates.filter((name) => name !== 'hours-in-icu' && name !== 'hours-before-icu'));
const needsWindow: ReadonlySet<Aggregate> = new Set<Aggregate>(['min', 'max', 'mean', 'slope', 'delta', 'hours-measured']);
const { object, list, text, number, oneOf, invalid } = jsonShape('features.invalid');

/** Reads a pack's `features.json`; throws `features.invalid` with the place of the first mistake. */
export function parseFeatureSet(json: unknown): FeatureSet {
  const root = object(json, 'feature set');
  const features = list(root['features'], 'features').map((item, index) => parseFeature(object(item, `features[${index}]`), `features[${index}]`));
  if (features.length === 0 || features.length > maxFeatures) throw invalid(`features: 1 to ${maxFeatures} are allowed`);
  const names = new Set(features.map((feature) => feature.name));
  if (names.size !== features.length) throw invalid('features: a name stands twice');
  const codes = [...new Set(features.flatMap((feature) => [feature.code, feature.over]).filter((code) => code !== undefined))];
  const indexOf = (code: string | undefined): number => (code === undefined ? -1 : codes.indexOf(code));
  return {
    id: text(root['id'], 'id'),
    version: text(root['version'], 'version'),
    title: text(root['title'], 'title'),
    intendedUse: text(root['intendedUse'], 'intendedUse'),
    eligibility: parseEligibility(object(root['eligibility'], 'eligibility')),
    required: list(root['required'], 'required').map((item, index) => parseRequired(object(item, `required[${index}]`), `required[${index}]`)),
    features,
    digest: createHash('sha256').update(canonicalJson(json)).digest('hex'),
    codes,
    codeIndex: Int32Array.from(features, (feature) => indexOf(feature.code)),
    overIndex: Int32Array.from(features, (feature) => indexOf(feature.over)),
  };
}

/** The rules that the evaluator enforces are fixed; a file that asks for others must not be read as if it had them. */
function parseEligibility(item: Record<string, unknown>): { minAgeYears: number } {
  if (item['inIcu'] !== true || item['alive'] !== true || item['comfortCare'] !== false) {
    throw invalid('eligibility: inIcu true, alive true and comfortCare false are the only rules there are');
  }
  return { minAgeYears: number(item['minAgeYears'], 'eligibility.minAgeYears') };
}

function parseRequired(item: Record<string, unknown>, at: string): RequiredInput {
  const anyOf = list(item['anyOf'], `${at}.anyOf`).map((code, index) => text(code, `${at}.anyOf[${index}]`));
  if (anyOf.length === 0) throw invalid(`${at}.anyOf is empty`);
  return { label: text(item['label'], `${at}.label`), anyOf, maxAgeHours: number(item['maxAgeHours'], `${at}.maxAgeHours`) };
}

function parseFeature(item: Record<string, unknown>, at: string): Feature {
  const aggregate = oneOf(item['aggregate'], aggregates, `${at}.aggregate`);
  const feature: Feature = {
    name: text(item['name'], `${at}.name`),
    label: text(item['label'], `${at}.label`),
    unit: text(item['unit'], `${at}.unit`),
    precision: number(item['precision'], `${at}.precision`),
    group: oneOf(item['group'], ['physiology', 'process'], `${at}.group`),
    aggregate,
  };
  if (needsCode.has(aggregate)) feature.code = text(item['code'], `${at}.code`);
  if (aggregate === 'ratio' || aggregate === 'difference') feature.over = text(item['over'], `${at}.over`);
  if (needsWindow.has(aggregate)) {
    feature.windowHours = number(item['windowHours'], `${at}.windowHours`);
    if (!Number.isInteger(feature.windowHours) || feature.windowHours < 1 || feature.windowHours > maxWindowHours) {
      throw invalid(`${at}.windowHours: 1 to ${maxWindowHours} are allowed`);
    }
  }
  return feature;
}
