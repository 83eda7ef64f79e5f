import type { Sql } from '@primum/store';
import { stayFactCodes } from '../stays/stay-facts.ts';

/** A row of the timeline and what it came from; ids, codes and times, no values. */
export type FactOrigin = { key: string; seq: number; patientId: string; code: string; effectiveAt: Date; status: string; messageId: string | null };
export type VersionOrigin = { type: string; id: string; version: number; patientId: string | null; seq: number; recordedAt: Date; deleted: boolean; messageId: string | null };

const factColumns = 'key, seq, patient_id as "patientId", code, effective_at as "effectiveAt", status, message_id as "messageId"';
const versionColumns = 'type, id, version, patient_id as "patientId", seq, recorded_at as "recordedAt", deleted, message_id as "messageId"';

/** Rows of these keys of these patients, known up to a sequence, in the order of knowing. */
export function factsOfKeys(sql: Sql, query: { tenant: number; patientIds: readonly string[]; keys: readonly string[]; upToSeq?: number; limit: number }): Promise<FactOrigin[]> {
  return sql.query<FactOrigin>(
    `select ${factColumns} from fact where tenant = $1 and patient_id = any($2::uuid[]) and key = any($3::uuid[]) and seq <= $4 order by seq, n limit $5`,
    [query.tenant, query.patientIds, query.keys, query.upToSeq ?? Number.MAX_SAFE_INTEGER, query.limit]);
}

/** What a message wrote to the timelines of these patients. */
export function factsOfMessage(sql: Sql, query: { tenant: number; patientIds: readonly string[]; messageId: string; limit: number }): Promise<FactOrigin[]> {
  return sql.query<FactOrigin>(
    `select ${factColumns} from fact where tenant = $1 and patient_id = any($2::uuid[]) and message_id = $3 order by seq, n limit $4`,
    [query.tenant, query.patientIds, query.messageId, query.limit]);
}

export function versionsOfMessage(sql: Sql, query: { tenant: number; patientIds: readonly string[]; messageId: string; limit: number }): Promise<VersionOrigin[]> {
  return sql.query<VersionOrigin>(
    `select ${versionColumns} from resource where tenant = $1 and patient_id = any($2::uuid[]) and message_id = $3 order by type, id, version limit $4`,
    [query.tenant, query.patientIds, query.messageId, query.limit]);
}

export function versionsOf(sql: Sql, query: { tenant: number; type: string; ids: readonly string[]; limit: number }): Promise<VersionOrigin[]> {
  return sql.query<VersionOrigin>(
    `select ${versionColumns} from resource where tenant = $1 and type = $2 and id = any($3::uuid[]) order by id, version limit $4`,
    [query.tenant, query.type, query.ids, query.limit]);
}

/**
 * Versions of stays' Encounters and of Patients that no message brought, known at these sequences: what facts of a stay of
 * the same patient and sequence, which name no message, follow from.
 */
export function versionsBehindStays(sql: Sql, query: { tenant: number; patientIds: readonly string[]; seqs: readonly number[]; limit: number }): Promise<VersionOrigin[]> {
  return sql.query<VersionOrigin>(
    `select ${versionColumns} from resource r where tenant = $1 and patient_id = any($2::uuid[]) and seq = any($3::bigint[]) and message_id is null
     and (type = 'Patient' or type = 'Encounter' and exists (select from stay s where s.tenant = $1 and s.id = r.id)) order by type, id, version limit $4`,
    [query.tenant, query.patientIds, query.seqs, query.limit]);
}

/** Versions of Observations that no message brought, known at these sequences: facts of their components have keys of their own. */
export function observationsKnownAt(sql: Sql, query: { tenant: number; patientIds: readonly string[]; seqs: readonly number[]; limit: number }): Promise<VersionOrigin[]> {
  return sql.query<VersionOrigin>(
    `select ${versionColumns} from resource where tenant = $1 and patient_id = any($2::uuid[]) and seq = any($3::bigint[]) and message_id is null and type = 'Observation' order by id, version limit $4`,
    [query.tenant, query.patientIds, query.seqs, query.limit]);
}

/** The facts of stays that became known with such a version. */
export function factsOfStays(sql: Sql, query: { tenant: number; patientId: string; seq: number; limit: number }): Promise<FactOrigin[]> {
  return sql.query<FactOrigin>(
    `select ${factColumns} from fact where tenant = $1 and patient_id = $2 and seq = $3 and code = any($4::text[]) and message_id is null order by n limit $5`,
    [query.tenant, query.patientId, query.seq, stayFactCodes, query.limit]);
}

/** Whom a message was about. Its Provenance has its id and one patient; where there were two, links or stays name them. */
export async function patientsOfMessage(sql: Sql, tenant: number, messageId: string): Promise<string[]> {
  const rows = await sql.query<{ id: string }>(
    `select patient_id as id from resource where tenant = $1 and type = 'Provenance' and id = $2 and patient_id is not null
     union select from_id from patient_link where tenant = $1 and message_id = $2
     union select into_id from patient_link where tenant = $1 and message_id = $2 and into_id is not null
     union select s.patient_id from stay_event e join stay s on s.tenant = e.tenant and s.id = e.stay_id where e.tenant = $1 and e.message_id = $2`, [tenant, messageId]);
  return rows.map(({ id }) => id);
}

/** Everyone who is or was merged with these patients: facts keep the patient under whom they were known. */
export async function groupOf(sql: Sql, tenant: number, patientIds: readonly string[]): Promise<string[]> {
  const rows = await sql.query<{ id: string }>(
    `select distinct o.id from patient p join patient o on o.tenant = p.tenant and o.root_id = p.root_id where p.tenant = $1 and p.id = any($2::uuid[])`, [tenant, patientIds]);
  return [...new Set([...patientIds, ...rows.map(({ id }) => id)])];
}
