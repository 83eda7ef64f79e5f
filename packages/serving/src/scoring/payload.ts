import { createHash } from 'node:crypto';
import { canonicalJson } from '@primum/base';
import { float32Bytes, float32FromBytes, float64Bytes, float64FromBytes } from './float-bytes.ts';

/** What the alert policy did with a prediction: enough to step it again. The states are the policy's own JSON. */
export type PolicyTrace = { before: unknown; input: unknown; after: unknown; events: unknown };

/**
 * The sealed part of a prediction record. `recordDigest` binds the clear columns to it: whoever alters a score in the
 * table cannot alter what is sealed without the patient's key.
 */
export type PredictionPayload = {
  /** Of all facts of the patient as known at the pin, hex (`addFacts`). */
  factsDigest: string;
  inputs: Float32Array;
  /** In log-odds points, one per feature; null where there is no score. */
  contributions: Float64Array | null;
  expected: number | null;
  policy: PolicyTrace;
  /** Keys of the facts that a raised tier rests on; empty where the policy raised nothing. */
  evidence: string[];
  recordDigest: string;
};

export function encodePayload(payload: PredictionPayload): Buffer {
  return Buffer.from(canonicalJson({
    format: 1,
    factsDigest: payload.factsDigest,
    inputs: float32Bytes(payload.inputs).toString('base64'),
    contributions: payload.contributions === null ? null : float64Bytes(payload.contributions).toString('base64'),
    expected: payload.expected,
    policy: payload.policy,
    evidence: payload.evidence,
    recordDigest: payload.recordDigest,
  }), 'utf8');
}

export function decodePayload(plain: Buffer): PredictionPayload {
  // Authenticated by its seal, hence of the shape that encodePayload wrote.
  const json = JSON.parse(plain.toString('utf8')) as {
    factsDigest: string; inputs: string; contributions: string | null; expected: number | null; policy: PolicyTrace; evidence: string[]; recordDigest: string;
  };
  return {
    factsDigest: json.factsDigest,
    inputs: float32FromBytes(Buffer.from(json.inputs, 'base64')),
    contributions: json.contributions === null ? null : float64FromBytes(Buffer.from(json.contributions, 'base64')),
    expected: json.expected,
    policy: json.policy,
    evidence: json.evidence,
    recordDigest: json.recordDigest,
  };
}

/** Associated data of the seal: a payload that is moved to another prediction does not open there. */
export function payloadAad(predictionId: string): string {
  return `prediction/${predictionId}`;
}

/** The columns of a prediction that stand in clear, all but `made_at` (the database's own clock gives it). */
export type ClearColumns = {
  id: string;
  patientId: string;
  stayId: string;
  pinSeq: number;
  /** Milliseconds since the epoch by the source's clock. */
  asOf: number;
  nowAt: number;
  trigger: string;
  status: string;
  reasons: readonly string[];
  probability: number | null;
  margin: number | null;
  tier: string;
  modelDigest: string;
  featureSetDigest: string;
  policyDigest: string;
  codeDigest: string;
  runtime: string;
  inputsCommitment: string;
};

/** SHA-256, hex. No commitment is needed: it stands in the sealed payload only. */
export function recordDigest(columns: ClearColumns): string {
  const {
    id, patientId, stayId, pinSeq, asOf, nowAt, trigger, status, reasons, probability, margin, tier,
    modelDigest, featureSetDigest, policyDigest, codeDigest, runtime, inputsCommitment,
  } = columns;
  return createHash('sha256').update(canonicalJson({
    id, patientId, stayId, pinSeq, asOf, nowAt, trigger, status, reasons, probability, margin, tier,
    modelDigest, featureSetDigest, policyDigest, codeDigest, runtime, inputsCommitment,
  })).digest('hex');
}
