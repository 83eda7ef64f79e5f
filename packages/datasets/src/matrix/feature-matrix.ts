import type { CodeTable } from '@primum/record';
import { evaluateFeatures } from '../features/evaluate-features.ts';
import type { FeatureSet } from '../features/feature-set.ts';
import type { PhysionetStay } from '../physionet/physionet-stays.ts';
import { rowKnownAt } from '../physionet/physionet-conventions.ts';
import { stayToFacts } from '../physionet/stay-to-facts.ts';
import { createTimeline } from '../timeline/timeline.ts';

/** One row per scored hour, rows of a stay together and ascending. */
export type FeatureMatrix = {
  featureSet: FeatureSet;
  rowCount: number;
  /** Row-major, rowCount × features; NaN = missing. In memory that trainers' threads share. */
  features: Float32Array<SharedArrayBuffer>;
  labels: Uint8Array;
  hours: Uint16Array;
  /** 1 where a score would be withheld at the bedside for old or absent required inputs. */
  withheld: Uint8Array;
  stays: MatrixStay[];
};

export type MatrixStay = {
  id: string;
  /** Rows [start, end). */
  start: number;
  end: number;
  septic: boolean;
  male: 0 | 1 | null;
  ageYears: number | null;
  unit: 'MICU' | 'SICU' | null;
};

/** An ICU admission for stays that have no date; a fixed instant, so that a matrix has one value. */
const batchAdmitAt = Date.UTC(2019, 0, 1);

/**
 * Stays → facts → the bedside's evaluator, hour by hour. Hours outside the intended use (a minor) are left out and
 * counted in `excludedStays`.
 */
export async function featureMatrix(
  deps: { featureSet: FeatureSet; codes: CodeTable; onProgress?: (stays: number) => void; signal?: AbortSignal },
  stays: AsyncIterable<PhysionetStay> | Iterable<PhysionetStay>,
): Promise<FeatureMatrix & { excludedStays: number }> {
  const { featureSet, codes } = deps;
  const width = featureSet.features.length;
  let capacity = 4_096;
  let features = sharedRows(capacity * width);
  const labels: number[] = [];
  const hours: number[] = [];
  const withheld: number[] = [];
  const done: MatrixStay[] = [];
  let excludedStays = 0;
  let read = 0;
  for await (const stay of stays) {
    deps.signal?.throwIfAborted();
    const timeline = createTimeline(stayToFacts(stay, { icuAdmitAt: batchAdmitAt, codes }).facts);
    const start = labels.length;
    for (const row of stay.rows) {
      const evaluation = evaluateFeatures(featureSet, timeline, rowKnownAt(batchAdmitAt, row.hour));
      if (!evaluation.eligible.ok) continue;
      if (labels.length === capacity) {
        capacity *= 2;
        const larger = sharedRows(capacity * width);
        larger.set(features);
        features = larger;
      }
      features.set(evaluation.values, labels.length * width);
      labels.push(row.label);
      hours.push(row.hour);
      withheld.push(evaluation.required.ok ? 0 : 1);
    }
    const { id, male, ageYears, unit } = stay;
    if (labels.length > start) done.push({ id, start, end: labels.length, septic: labels.includes(1, start), male, ageYears, unit });
    else excludedStays += 1;
    read += 1;
    if (read % 500 === 0) deps.onProgress?.(read);
  }
  return {
    featureSet, rowCount: labels.length, features: features.subarray(0, labels.length * width),
    labels: Uint8Array.from(labels), hours: Uint16Array.from(hours), withheld: Uint8Array.from(withheld), stays: done, excludedStays,
  };
}

const sharedRows = (length: number): Float32Array<SharedArrayBuffer> => new Float32Array(new SharedArrayBuffer(length * Float32Array.BYTES_PER_ELEMENT));
