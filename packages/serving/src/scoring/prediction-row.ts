import type { Keys } from '@primum/trust';
import { blindToken } from '@primum/trust';
import { joinBytes } from '@primum/record';
import type { Sql } from '@primum/store';
import { float32Bytes } from './float-bytes.ts';
import { encodePayload, payloadAad, recordDigest, type ClearColumns, type PredictionPayload } from './payload.ts';

/** Digests (hex) and runtime that every prediction of one served model shares. */
export type Provenance = { modelDigest: string; featureSetDigest: string; policyDigest: string; codeDigest: string; runtime: string };

export type PredictionRow = ClearColumns & { sealed: Buffer };

/** A keyed commitment to the inputs: whoever holds the key can check them, nobody else can guess them. Hex. */
export function commitInputs(keys: Keys, tenant: number, featureSetDigest: string, inputs: Float32Array): string {
  return blindToken(keys, tenant, 'commitment', `inputs|${featureSetDigest}|${float32Bytes(inputs).toString('base64')}`).toString('hex');
}

/** Seals what is a patient's under that patient's key, which must have been ensured. */
export function sealPrediction(keys: Keys, tenant: number, columns: ClearColumns, payload: Omit<PredictionPayload, 'recordDigest'>): PredictionRow {
  const plain = encodePayload({ ...payload, recordDigest: recordDigest(columns) });
  return { ...columns, sealed: keys.seal(tenant, { kind: 'patient', patientId: columns.patientId }, plain, payloadAad(columns.id)) };
}

const insertPredictions = `
insert into prediction (tenant, id, patient_id, stay_id, pin_seq, as_of, now_at, trigger, status, reasons, probability, margin, tier,
  model_digest, feature_set_digest, policy_digest, code_digest, runtime, inputs_commitment, sealed)
select $1, id, patient_id, stay_id, pin_seq, as_of, now_at, trigger, status,
  array(select jsonb_array_elements_text(reasons)), probability, margin, tier,
  $15, $16, $17, $18, $19, inputs_commitment, substring($20::bytea from start for length)
from unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::bigint[], $6::timestamptz[], $7::timestamptz[], $8::text[], $9::text[], $10::jsonb[],
  $11::float8[], $12::float8[], $13::text[], $14::bytea[], $21::int[], $22::int[])
  as p (id, patient_id, stay_id, pin_seq, as_of, now_at, trigger, status, reasons, probability, margin, tier, inputs_commitment, start, length)`;

export async function writePredictions(tx: Sql, tenant: number, provenance: Provenance, rows: readonly PredictionRow[]): Promise<void> {
  if (rows.length === 0) return;
  // An array of bytea would travel as hexadecimal text; one value that the database cuts does not.
  const { bytes, starts, lengths } = joinBytes(rows.map(({ sealed }) => sealed));
  const hex = (digest: string): Buffer => Buffer.from(digest, 'hex');
  await tx.query(insertPredictions, [
    tenant, rows.map(({ id }) => id), rows.map(({ patientId }) => patientId), rows.map(({ stayId }) => stayId),
    rows.map(({ pinSeq }) => pinSeq), rows.map(({ asOf }) => new Date(asOf)), rows.map(({ nowAt }) => new Date(nowAt)),
    rows.map(({ trigger }) => trigger), rows.map(({ status }) => status), rows.map(({ reasons }) => JSON.stringify(reasons)),
    rows.map(({ probability }) => probability), rows.map(({ margin }) => margin), rows.map(({ tier }) => tier),
    rows.map(({ inputsCommitment }) => hex(inputsCommitment)),
    hex(provenance.modelDigest), hex(provenance.featureSetDigest), hex(provenance.policyDigest), hex(provenance.codeDigest), provenance.runtime,
    bytes, starts, lengths,
  ]);
}

type Stored = {
  id: string; patient_id: string; stay_id: string; pin_seq: number; as_of: Date; now_at: Date; made_at: Date; trigger: string;
  status: string; reasons: string[]; probability: number | null; margin: number | null; tier: string; model_digest: Buffer;
  feature_set_digest: Buffer; policy_digest: Buffer; code_digest: Buffer; runtime: string; inputs_commitment: Buffer; sealed: Buffer;
};

const selectPredictions = `select id, patient_id, stay_id, pin_seq, as_of, now_at, made_at, trigger, status, reasons, probability, margin, tier,
  model_digest, feature_set_digest, policy_digest, code_digest, runtime, inputs_commitment, sealed
from prediction where tenant = $1 and id = any($2::uuid[])`;

export type StoredPrediction = PredictionRow & { madeAt: number };

export async function readPredictions(sql: Sql, tenant: number, ids: readonly string[]): Promise<StoredPrediction[]> {
  if (ids.length === 0) return [];
  const rows = await sql.query<Stored>(selectPredictions, [tenant, ids]);
  return rows.map((row) => ({
    id: row.id, patientId: row.patient_id, stayId: row.stay_id, pinSeq: row.pin_seq,
    asOf: row.as_of.getTime(), nowAt: row.now_at.getTime(), madeAt: row.made_at.getTime(), trigger: row.trigger,
    status: row.status, reasons: row.reasons, probability: row.probability, margin: row.margin, tier: row.tier,
    modelDigest: row.model_digest.toString('hex'), featureSetDigest: row.feature_set_digest.toString('hex'),
    policyDigest: row.policy_digest.toString('hex'), codeDigest: row.code_digest.toString('hex'), runtime: row.runtime,
    inputsCommitment: row.inputs_commitment.toString('hex'), sealed: row.sealed,
  }));
}
