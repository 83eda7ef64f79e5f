import type { RiskAssessment } from '@medplum/fhirtypes';
import type { Sql } from '@primum/store';
import type { PhiReader } from '@primum/trust';

type Row = { id: string; patient_id: string; stay_id: string; as_of: Date; status: string; reasons: string[]; probability: number | null; tier: string; model: string };

const pageSize = 500;
const selectPage = `
select id, patient_id, stay_id, as_of, status, reasons, probability, tier, encode(model_digest, 'hex') as model
from prediction where tenant = $1 and patient_id = any($2::uuid[]) and id > $3 order by id limit $4`;

/**
 * What models said of a person, as FHIR R4 RiskAssessments, for the person's own copy: the score, or why there was none
 * (GDPR Article 15(1)(h) asks for the outcome of automated processing).
 */
export async function* predictionCopy(sql: Sql, reader: PhiReader, memberIds: readonly string[]): AsyncGenerator<RiskAssessment> {
  reader.note({ patientIds: memberIds });
  for (let after = '00000000-0000-0000-0000-000000000000'; ;) {
    const rows = await sql.query<Row>(selectPage, [reader.tenant, memberIds, after, pageSize]);
    yield* rows.map(toRiskAssessment);
    const last = rows.at(-1);
    if (last === undefined || rows.length < pageSize) return;
    after = last.id;
  }
}

function toRiskAssessment(row: Row): RiskAssessment {
  return {
    resourceType: 'RiskAssessment', id: row.id, status: 'final',
    subject: { reference: `Patient/${row.patient_id}` }, encounter: { reference: `Encounter/${row.stay_id}` },
    occurrenceDateTime: row.as_of.toISOString(),
    method: { coding: [{ system: 'urn:primum:model', code: row.model }] },
    prediction: row.probability === null ? [] : [{ probabilityDecimal: row.probability, qualitativeRisk: { text: row.tier } }],
    ...(row.reasons.length === 0 ? {} : { note: row.reasons.map((text) => ({ text: `${row.status}: ${text}` })) }),
  };
}
