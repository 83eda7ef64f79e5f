import type { Communication } from '@medplum/fhirtypes';
import {
  nextState, rectificationLifecycle, restrictionLifecycle, type CaseRequest, type CaseStep, type RectificationState, type RestrictionState,
} from '@primum/contract';
import { PrimumError, uuidv7 } from '@primum/base';
import type { Sql } from '@primum/store';
import { withPhiReader, withPhiWriter, type PhiWriter, type PhiWriterDeps, type UserPrincipal } from '@primum/trust';
import { resourceAad, writeResourceRows } from '../resources/resource-rows.ts';
import { announceConsent } from './objections.ts';
import { lockGroup } from './patient-group.ts';

type Statement = { event: string; text: string; at: string };

/** A request for restriction or rectification, with what was said at each step. */
export type StoredCase = {
  id: string; kind: CaseRequest['kind']; patientId: string; status: RestrictionState | RectificationState;
  openedAt: Date; dueAt: Date; changedAt: Date; statements: readonly Statement[];
};

/** GDPR Article 12(3): within one month; 45 CFR 164.526(b)(2) gives 60 days. */
const answerWithinDays = 30;
const dayMs = 86_400_000;
const caseAad = (tenant: number, id: string): string => `rights-case|${tenant}|${id}`;

type Row = { id: string; kind: CaseRequest['kind']; patient_id: string; status: StoredCase['status']; opened_at: Date; due_at: Date; changed_at: Date; sealed: Buffer };
const columns = 'id, kind, patient_id, status, opened_at, due_at, changed_at, sealed';

/**
 * Records what a person asked for, under their root. A restriction stands from this moment: the group's records are
 * used for treatment only, and are not scored. Errors: record.not-found, auth.forbidden.
 */
export async function openCase(deps: PhiWriterDeps, tenant: number, principal: UserPrincipal, request: CaseRequest): Promise<StoredCase> {
  const at = deps.clock.now();
  const id = uuidv7(at.getTime());
  return deps.db.transaction(async (tx) => {
    const { rootId, memberIds } = await lockGroup(tx, tenant, request.patientId);
    const opened: StoredCase = {
      id, kind: request.kind, patientId: rootId, status: request.kind === 'restriction' ? 'standing' : 'requested', openedAt: at,
      dueAt: new Date(at.getTime() + answerWithinDays * dayMs), changedAt: at, statements: [{ event: 'request', text: request.reason, at: at.toISOString() }],
    };
    await writing(deps, tx, tenant, principal, `${request.kind}.requested`, rootId, memberIds, async (writer) => {
      await tx.query(`insert into rights_case (tenant, id, kind, patient_id, status, opened_at, due_at, changed_at, opened_by, changed_by, sealed)
        values ($1, $2, $3, $4, $5, $6, $7, $6, $8, $8, $9)`,
      [tenant, id, opened.kind, rootId, opened.status, at, opened.dueAt, principal.userId, seal(writer, tenant, opened)]);
      writer.note({ entities: [{ type: 'rights-case', id }] });
    });
    if (request.kind === 'restriction') await restrict(tx, tenant, rootId, memberIds);
    return opened;
  });
}

/**
 * The next step of a case, as its lifecycle allows. An accepted rectification that no source corrects is performed by
 * an amendment: a FHIR Communication of the record, beside what it disputes. Errors: rights.not-found,
 * rights.transition-invalid, auth.forbidden.
 */
export async function stepCase(deps: PhiWriterDeps, tenant: number, principal: UserPrincipal, id: string, step: CaseStep): Promise<StoredCase> {
  const at = deps.clock.now();
  return deps.db.transaction(async (tx) => {
    const [found] = await tx.query<{ patient_id: string }>('select patient_id from rights_case where tenant = $1 and id = $2', [tenant, id]);
    if (found === undefined) throw new PrimumError('rights.not-found');
    const { rootId, memberIds } = await lockGroup(tx, tenant, found.patient_id);
    const [row] = await tx.query<Row>(`select ${columns} from rights_case where tenant = $1 and id = $2`, [tenant, id]);
    if (row === undefined) throw new PrimumError('rights.not-found');
    const status = nextOf(row, step);
    const next = await writing(deps, tx, tenant, principal, `${row.kind}.${status}`, row.patient_id, memberIds, async (writer) => {
      const before = await opened(row, (sealed) => writer.open(sealed, row.patient_id, caseAad(tenant, id)));
      const after: StoredCase = { ...before, status, changedAt: at, statements: [...before.statements, { event: step.event, text: step.statement, at: at.toISOString() }] };
      await tx.query('update rights_case set status = $3, changed_at = $4, changed_by = $5, sealed = $6 where tenant = $1 and id = $2',
        [tenant, id, status, at, principal.userId, seal(writer, tenant, after)]);
      writer.note({ entities: [{ type: 'rights-case', id }] });
      if (row.kind === 'rectification' && (step.event === 'perform' || step.event === 'dispute')) await writeAmendment(writer, tx, tenant, row.patient_id, after);
      return after;
    });
    if (row.kind === 'restriction') await restrict(tx, tenant, rootId, memberIds);
    return next;
  });
}

/** The cases of a person, the newest first, opened under a reader's scope. Audited. */
export async function listCases(deps: PhiWriterDeps, tenant: number, principal: UserPrincipal, memberIds: readonly string[]): Promise<StoredCase[]> {
  const rows = await deps.db.query<Row>(`select ${columns} from rights_case where tenant = $1 and patient_id = any($2::uuid[]) order by opened_at desc limit 100`, [tenant, memberIds]);
  return withPhiReader(deps, { tenant, principal, purpose: 'PATRQT', action: 'rights-case.read', authority: 'rights.manage', scope: { patientIds: memberIds } }, (reader) =>
    Promise.all(rows.map((row) => opened(row, (sealed) => reader.open(sealed, row.patient_id, caseAad(tenant, row.id))))));
}

function nextOf(row: Row, { event }: CaseStep): StoredCase['status'] {
  const next = row.kind === 'restriction'
    ? event === 'lift' ? nextState(restrictionLifecycle, row.status as RestrictionState, event) : undefined // a restriction's row holds its states
    : event === 'lift' ? undefined : nextState(rectificationLifecycle, row.status as RectificationState, event); // as above
  if (next === undefined) throw new PrimumError('rights.transition-invalid', event);
  return next;
}

/** The group is restricted while a restriction of one of its records stands. */
async function restrict(tx: Sql, tenant: number, rootId: string, memberIds: readonly string[]): Promise<void> {
  const changed = await tx.query(`
    update patient p set restricted = w.restricted from (
      select exists (select from rights_case where tenant = $1 and patient_id = any($2::uuid[]) and kind = 'restriction' and status = 'standing') as restricted) w
    where p.tenant = $1 and p.id = any($2) and p.restricted <> w.restricted returning p.id`, [tenant, memberIds]);
  if (changed.length > 0) await announceConsent(tx, tenant, [rootId]);
}

function writing<T>(
  deps: PhiWriterDeps, tx: Sql, tenant: number, principal: UserPrincipal, action: string, patientId: string, memberIds: readonly string[], work: (writer: PhiWriter) => Promise<T>,
): Promise<T> {
  return withPhiWriter(deps, tx, { tenant, principal, purpose: 'PATRQT', action, authority: 'rights.manage', scope: { patientIds: memberIds } }, async (writer) => {
    await writer.ensure([patientId]);
    return work(writer);
  });
}

function seal(writer: PhiWriter, tenant: number, { id, patientId, statements }: StoredCase): Buffer {
  return writer.seal(patientId, Buffer.from(JSON.stringify(statements)), caseAad(tenant, id));
}

async function opened(row: Row, open: (sealed: Buffer) => Promise<Buffer>): Promise<StoredCase> {
  const statements = JSON.parse((await open(row.sealed)).toString()) as Statement[]; // sealed by us under this aad
  return { id: row.id, kind: row.kind, patientId: row.patient_id, status: row.status, openedAt: row.opened_at, dueAt: row.due_at, changedAt: row.changed_at, statements };
}

/** FHIR R4 Communication: the request, and what was answered; read with the record and part of every copy of it. */
async function writeAmendment(writer: PhiWriter, tx: Sql, tenant: number, patientId: string, { statements, status }: StoredCase): Promise<void> {
  const id = uuidv7();
  const amendment: Communication = {
    resourceType: 'Communication', id, status: 'completed',
    category: [{ coding: [{ system: 'urn:primum:communication', code: status === 'disputed' ? 'statement-of-disagreement' : 'amendment' }] }],
    subject: { reference: `Patient/${patientId}` },
    sent: statements.at(-1)?.at ?? '',
    payload: statements.map(({ event, text }) => ({ contentString: `${event}: ${text}` })),
  };
  const [seq] = await tx.query<{ seq: number }>('select nextval(\'known_seq\') as seq', []);
  const sealed = writer.seal(patientId, Buffer.from(JSON.stringify(amendment)), resourceAad(tenant, 'Communication', id, 1));
  await writeResourceRows(tx, tenant, seq!.seq, [{ type: 'Communication', id, version: 1, patientId, messageId: null, sealed }]); // nextval gives a row
  writer.note({ entities: [{ type: 'Communication', id }] });
}
