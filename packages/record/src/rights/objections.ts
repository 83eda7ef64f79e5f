import type { Consent } from '@medplum/fhirtypes';
import type { ObjectionRequest, ObjectionScope } from '@primum/contract';
import { PrimumError, uuidv7 } from '@primum/base';
import { writeOutbox, type Sql } from '@primum/store';
import { withPhiWriter, type PhiWriterDeps, type Principal } from '@primum/trust';
import { resourceAad, writeResourceRows } from '../resources/resource-rows.ts';
import { patientGroup, lockGroup } from './patient-group.ts';

/**
 * Objections of a person to scoring by models or to research: FHIR Consents with a denying provision, versioned and
 * sealed like every resource, with a row beside them for each record of the group that says from when to when they hold.
 * Of those rows follow the columns that scoring, research and policies ask: `refreshObjections` brings them up to date,
 * in the transaction of each change and, where only time has passed, by a job.
 */
export type StoredObjection = { id: string; scope: ObjectionScope; status: 'active' | 'withdrawn'; from: Date; until: Date | null; recordedAt: Date; withdrawnAt: Date | null };

/** Records an objection under the person's root. Errors: record.not-found, api.request-invalid, auth.forbidden. */
export async function recordObjection(deps: PhiWriterDeps, tenant: number, principal: Principal, request: ObjectionRequest): Promise<StoredObjection> {
  const now = deps.clock.now();
  const from = request.from === undefined ? now : new Date(request.from);
  const until = request.until === undefined ? null : new Date(request.until);
  if (until !== null && until <= from) throw new PrimumError('api.request-invalid', 'until: after from');
  const id = uuidv7(now.getTime());
  return deps.db.transaction(async (tx) => {
    const { rootId, memberIds } = await lockGroup(tx, tenant, request.patientId);
    await writeConsent(deps, tx, tenant, principal, rootId, consentOf(id, rootId, request, { now, from, until }), 1);
    await tx.query(`insert into consent (tenant, id, patient_id, scope, status, from_at, until_at, recorded_at)
      select $1, $2, m, $4, 'active', $5, $6, $7 from unnest($3::uuid[]) m`, [tenant, id, memberIds, request.scope, from, until, now]);
    await refreshObjections(tx, tenant, now, memberIds);
    return { id, scope: request.scope, status: 'active', from, until, recordedAt: now, withdrawnAt: null };
  });
}

/** Takes an objection back; the Consent gets a version that is inactive. Errors: rights.not-found, auth.forbidden. */
export async function withdrawObjection(deps: PhiWriterDeps, tenant: number, principal: Principal, id: string): Promise<StoredObjection> {
  const now = deps.clock.now();
  return deps.db.transaction(async (tx) => {
    const [held] = await tx.query<{ patient_id: string; version: number; body: Buffer }>(
      'select patient_id, version, body from resource where tenant = $1 and type = \'Consent\' and id = $2 order by version desc limit 1', [tenant, id]);
    if (held === undefined) throw new PrimumError('rights.not-found');
    await lockGroup(tx, tenant, held.patient_id);
    const rows = await tx.query<Row>(`update consent set status = 'withdrawn', withdrawn_at = $3 where tenant = $1 and id = $2 and status = 'active' returning ${columns}`, [tenant, id, now]);
    if (rows[0] === undefined) throw new PrimumError('rights.transition-invalid', 'it was withdrawn before');
    const before = JSON.parse((await deps.keys.open(tenant, held.body, resourceAad(tenant, 'Consent', id, held.version))).toString()) as Consent; // sealed by us as a Consent
    await writeConsent(deps, tx, tenant, principal, held.patient_id, { ...before, id, status: 'inactive', dateTime: now.toISOString() }, held.version + 1);
    await refreshObjections(tx, tenant, now, rows.map(({ patient_id }) => patient_id));
    return toObjection(rows[0]);
  });
}

/** What a person has objected to, the newest first; those of every record of the group. */
export async function listObjections(sql: Sql, tenant: number, memberIds: readonly string[]): Promise<StoredObjection[]> {
  const rows = await sql.query<Row>(
    `select distinct on (recorded_at, id) ${columns} from consent where tenant = $1 and patient_id = any($2::uuid[]) order by recorded_at desc, id limit 200`, [tenant, memberIds]);
  return rows.map(toObjection);
}

/** Whether an objection holds at this moment. */
export function inForce({ status, from, until }: Pick<StoredObjection, 'status' | 'from' | 'until'>, now: Date): boolean {
  return status === 'active' && from <= now && (until === null || until > now);
}

const refresh = `
with wanted as (
  select p.id, p.root_id,
    coalesce(bool_or(c.scope = 'ai-scoring'), false) as ai, coalesce(bool_or(c.scope = 'research'), false) as research
  from patient p
  left join consent c on c.tenant = p.tenant and c.patient_id = p.id and c.status = 'active' and c.from_at <= $2 and (c.until_at is null or c.until_at > $2)
  where p.tenant = $1 and (case when $3::uuid[] is null
    then p.id in (select t.patient_id from consent t where t.tenant = $1 and t.status = 'active' and (t.from_at > t.recorded_at or t.until_at is not null))
    else p.id = any($3) end)
  group by p.id, p.root_id
)
update patient p set ai_opt_out = w.ai, research_opt_out = w.research from wanted w
where p.tenant = $1 and p.id = w.id and (p.ai_opt_out, p.research_opt_out) is distinct from (w.ai, w.research)
returning p.root_id`;

/**
 * Brings `ai_opt_out` and `research_opt_out` in line with the objections that hold at `now`, and announces whom it
 * changed, so that they are scored anew or no longer. Without ids: whoever's objection began or ended by itself.
 */
export async function refreshObjections(tx: Sql, tenant: number, now: Date, patientIds?: readonly string[]): Promise<number> {
  const changed = await tx.query<{ root_id: string }>(refresh, [tenant, now, patientIds ?? null]);
  const rootIds = [...new Set(changed.map(({ root_id }) => root_id))];
  await announceConsent(tx, tenant, rootIds);
  return rootIds.length;
}

/** What scoring is told where not facts but what a person allows has changed: beyond every score, so no late fact. */
export async function announceConsent(tx: Sql, tenant: number, rootIds: readonly string[]): Promise<void> {
  await writeOutbox(tx, rootIds.map((patientId) => ({ tenant, topic: 'patient.changed', key: patientId, payload: { patientId, kind: 'consent', fromAt: Number.MAX_SAFE_INTEGER } })));
}

type Row = { id: string; patient_id: string; scope: ObjectionScope; status: StoredObjection['status']; from_at: Date; until_at: Date | null; recorded_at: Date; withdrawn_at: Date | null };
const columns = 'id, patient_id, scope, status, from_at, until_at, recorded_at, withdrawn_at';

function toObjection(row: Row): StoredObjection {
  return { id: row.id, scope: row.scope, status: row.status, from: row.from_at, until: row.until_at, recordedAt: row.recorded_at, withdrawnAt: row.withdrawn_at };
}

async function writeConsent(deps: PhiWriterDeps, tx: Sql, tenant: number, principal: Principal, patientId: string, consent: Consent & { id: string }, version: number): Promise<void> {
  const { memberIds } = await patientGroup(tx, tenant, patientId);
  await withPhiWriter(deps, tx, { tenant, principal, purpose: 'PATRQT', action: 'consent.write', authority: 'consent.write', scope: { patientIds: memberIds } }, async (writer) => {
    await writer.ensure([patientId]);
    const sealed = writer.seal(patientId, Buffer.from(JSON.stringify(consent)), resourceAad(tenant, 'Consent', consent.id, version));
    const [seq] = await tx.query<{ seq: number }>('select nextval(\'known_seq\') as seq', []);
    await writeResourceRows(tx, tenant, seq!.seq, [{ type: 'Consent', id: consent.id, version, patientId, messageId: null, sealed }]); // nextval gives a row
    writer.note({ entities: [{ type: 'Consent', id: consent.id }] });
  });
}

/** FHIR R4 Consent (http://hl7.org/fhir/R4/consent.html): OPTOUT, with a provision that denies the purpose from when to when. */
function consentOf(id: string, patientId: string, request: ObjectionRequest, { now, from, until }: { now: Date; from: Date; until: Date | null }): Consent & { id: string } {
  const research = request.scope === 'research';
  return {
    resourceType: 'Consent', id, status: 'active',
    scope: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/consentscope', code: research ? 'research' : 'patient-privacy' }] },
    category: [{ coding: [{ system: 'http://loinc.org', code: '59284-0' }] }],
    patient: { reference: `Patient/${patientId}` },
    dateTime: now.toISOString(),
    performer: [request.givenBy === 'patient' ? { reference: `Patient/${patientId}` } : { type: 'RelatedPerson', display: 'representative' }],
    policyRule: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'OPTOUT' }] },
    provision: {
      type: 'deny',
      period: { start: from.toISOString(), ...(until === null ? {} : { end: until.toISOString() }) },
      purpose: [research ? { system: 'http://terminology.hl7.org/CodeSystem/v3-ActReason', code: 'HRESCH' } : { system: 'urn:primum:consent-purpose', code: 'ai-scoring' }],
    },
    ...(request.note === undefined || request.note === '' ? {} : { extension: [{ url: 'urn:primum:fhir:note', valueString: request.note }] }),
  };
}
