import { PrimumError, uuidv7 } from '@primum/base';
import { breachLifecycle, nextState, type BreachHead, type BreachReport, type BreachState, type BreachStepRequest, type OpenBreach } from '@primum/contract';
import type { Sql } from '@primum/store';
import { actorOf, type Principal } from '../access/principal.ts';
import { requirePermission } from '../access/require-permission.ts';
import type { Keys } from '../keys/keys.ts';
import type { RegisterDeps } from './agreements.ts';
import { breachClocks } from './breach-clocks.ts';

export type BreachDeps = RegisterDeps & { keys: Keys };

type Row = { id: string; kind: BreachHead['kind']; subject: string; from_at: Date; to_at: Date; discovered_at: Date; drill: boolean; status: BreachState; opened_by: string; opened_at: Date };
const columns = 'id, kind, subject, from_at, to_at, discovered_at, drill, status, opened_by, opened_at';
const maxListed = 10_000;

const requestOf = (tenant: number, principal: Principal, action: string) => ({ tenant, principal, authority: 'breach.investigate', purpose: 'HCOMPL', action } as const);

/** Opens an investigation (or a drill of one) from a compromised account, client or key. Throws auth.user-missing for no such account. */
export async function openBreach(deps: BreachDeps, tenant: number, principal: Principal, asked: OpenBreach): Promise<BreachHead> {
  const request = requestOf(tenant, principal, asked.drill ? 'breach.drill-opened' : 'breach.opened');
  await requirePermission(deps, request);
  if (asked.to < asked.from) throw new PrimumError('api.request-invalid', 'to lies before from');
  const at = deps.clock.now();
  const id = uuidv7(at.getTime());
  return deps.db.transaction(async (tx) => {
    if (asked.kind === 'account' && (await tx.query('select 1 from app_user where tenant = $1 and username = $2', [tenant, asked.subject])).length === 0) throw new PrimumError('auth.user-missing');
    const [row] = await tx.query<Row>(
      `insert into breach_case (tenant, id, kind, subject, from_at, to_at, discovered_at, drill, status, opened_by, opened_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, 'opened', $9, $10) returning ${columns}`,
      [tenant, id, asked.kind, asked.subject, asked.from, asked.to, asked.discoveredAt, asked.drill, actorOf(principal), at]);
    await deps.audit.write(tx, [{ ...request, outcome: 'success', at, entities: [{ type: 'breach', id }] }]);
    return headOf(row!); // one in, one out
  });
}

export async function listBreaches(deps: BreachDeps, tenant: number): Promise<BreachHead[]> {
  return (await deps.db.query<Row>(`select ${columns} from breach_case where tenant = $1 order by opened_at desc limit 500`, [tenant])).map(headOf);
}

/**
 * Who is affected, and what was seen: out of the audit log, every event of the account or client in the time, whoever it
 * was about; for a key, whom its loss lays open. Says people by pseudonym: who they are is for the notices, on request.
 */
export async function readBreach(deps: BreachDeps, tenant: number, principal: Principal, id: string): Promise<BreachReport> {
  const request = requestOf(tenant, principal, 'breach.read');
  await requirePermission(deps, request);
  const row = await caseOf(deps.db, tenant, id);
  const now = deps.clock.now();
  const { affected, affectedCount, actions } = row.kind === 'key' ? await reachOfKey(deps.db, tenant, row.subject) : await usesOf(deps.db, tenant, row);
  await deps.audit.write(deps.db, [{ ...request, outcome: 'success', at: now, entities: [{ type: 'breach', id }] }]);
  return {
    ...headOf(row), affected, affectedCount, truncated: affectedCount > affected.length, actions,
    reach: reachText(row.kind, row.subject), clocks: breachClocks(row.discovered_at, affectedCount, now), steps: await stepsOf(deps, tenant, id),
  };
}

/** A step of the investigation with its note. Throws breach.transition-invalid where it does not follow. */
export async function stepBreach(deps: BreachDeps, tenant: number, principal: Principal, id: string, { event, note }: BreachStepRequest): Promise<BreachReport> {
  const request = requestOf(tenant, principal, `breach.${event}`);
  await requirePermission(deps, request);
  const at = deps.clock.now();
  await deps.db.transaction(async (tx) => {
    const { status } = await caseOf(tx, tenant, id, true);
    const next = nextState(breachLifecycle, status, event);
    if (next === undefined) throw new PrimumError('breach.transition-invalid', `${event} in ${status}`);
    await tx.query('update breach_case set status = $3 where tenant = $1 and id = $2', [tenant, id, next]);
    const [{ n }] = await tx.query<{ n: number }>('select count(*)::int + 1 as n from breach_step where tenant = $1 and case_id = $2', [tenant, id]) as [{ n: number }]; // an aggregate has one row
    await tx.query('insert into breach_step (tenant, case_id, n, event, at, actor, sealed_note) values ($1, $2, $3, $4, $5, $6, $7)',
      [tenant, id, n, event, at, actorOf(principal), deps.keys.seal(tenant, { kind: 'tenant' }, Buffer.from(note), noteAad(id, n))]);
    await deps.audit.write(tx, [{ ...request, outcome: 'success', at, entities: [{ type: 'breach', id }] }]);
  });
  return readBreach(deps, tenant, principal, id);
}

async function caseOf(sql: Sql, tenant: number, id: string, lock = false): Promise<Row> {
  const [row] = await sql.query<Row>(`select ${columns} from breach_case where tenant = $1 and id = $2${lock ? ' for update' : ''}`, [tenant, id]);
  if (row === undefined) throw new PrimumError('breach.not-found');
  return row;
}

type Seen = Pick<BreachReport, 'affected' | 'affectedCount' | 'actions'>;

async function usesOf(sql: Sql, tenant: number, { kind, subject, from_at, to_at }: Row): Promise<Seen> {
  const actors = kind === 'account' ? [`user:${subject}`] : [`client:${subject}`];
  const within = 'from audit_event e where e.tenant = $1 and e.actor = any($2) and e.recorded_at >= $3 and e.recorded_at <= $4';
  const values = [tenant, actors, from_at, to_at];
  const affected = await sql.query<{ patient: string; times: number; first_at: Date; last_at: Date; actions: string[]; purposes: string[]; everyone: number }>(
    `select patient, count(*)::int as times, min(recorded_at) as first_at, max(recorded_at) as last_at,
       array_agg(distinct action order by action) as actions, array_agg(distinct purpose order by purpose) as purposes, count(*) over ()::int as everyone
     from (select unnest(case when e.patient_id is null then coalesce(e.patient_ids, '{}') else array[e.patient_id] end) as patient, e.recorded_at, e.action, e.purpose ${within} and e.outcome = 'success') uses
     group by patient order by times desc, patient limit ${maxListed}`, values);
  const actions = await sql.query<{ action: string; outcome: string; times: number }>(`select e.action, e.outcome, count(*)::int as times ${within} group by e.action, e.outcome order by times desc, e.action limit 500`, values);
  return {
    affected: affected.map((row) => ({ patientId: row.patient, times: row.times, firstAt: row.first_at.toISOString(), lastAt: row.last_at.toISOString(), actions: row.actions, purposes: row.purposes })),
    affectedCount: affected[0]?.everyone ?? 0, actions,
  };
}

/** Whom a lost key lays open: one patient, or everyone who ever stood on the log. Nothing was seen through Primum itself. */
async function reachOfKey(sql: Sql, tenant: number, subject: string): Promise<Seen> {
  if (subject !== 'tenant' && subject !== 'master') {
    const [row] = await sql.query<{ id: string; at: Date }>('select patient_id as id, min(recorded_at) as at from audit_event where tenant = $1 and patient_id::text = $2 group by patient_id', [tenant, subject]);
    return { affected: row === undefined ? [] : [{ patientId: row.id, times: 0, firstAt: row.at.toISOString(), lastAt: row.at.toISOString(), actions: [], purposes: [] }], affectedCount: row === undefined ? 0 : 1, actions: [] };
  }
  const [row] = await sql.query<{ count: number }>('select count(distinct patient_id)::int as count from audit_event where tenant = $1 and patient_id is not null', [tenant]);
  return { affected: [], affectedCount: row?.count ?? 0, actions: [] };
}

function reachText(kind: Row['kind'], subject: string): string {
  if (kind !== 'key') return 'What was seen through this sign-in stands below. Copies of the database or the keys are not seen here: they need an investigation of their own.';
  if (subject === 'master') return 'Every wrapped key can be opened by who also has the key store’s files; rotate the master key. Content is open only to who has the database as well: PHI that was not also taken is secured (45 CFR 164.402, guidance on unsecured PHI).';
  if (subject === 'tenant') return 'What belongs to several patients and the audit events can be opened by who also has the database; patients’ own content stays sealed under their own keys.';
  return 'The content of this one patient can be opened by who also has the database.';
}

async function stepsOf({ db, keys }: BreachDeps, tenant: number, id: string): Promise<BreachReport['steps']> {
  const rows = await db.query<{ n: number; event: string; at: Date; actor: string; sealed_note: Buffer }>('select n, event, at, actor, sealed_note from breach_step where tenant = $1 and case_id = $2 order by n', [tenant, id]);
  return Promise.all(rows.map(async ({ n, event, at, actor, sealed_note }) => ({ n, event, at: at.toISOString(), actor, note: (await keys.open(tenant, sealed_note, noteAad(id, n))).toString() })));
}

const noteAad = (id: string, n: number): string => `breach|${id}|${n}`;

function headOf(row: Row): BreachHead {
  return {
    id: row.id, kind: row.kind, subject: row.subject, from: row.from_at.toISOString(), to: row.to_at.toISOString(), discoveredAt: row.discovered_at.toISOString(),
    drill: row.drill, status: row.status, openedBy: row.opened_by, openedAt: row.opened_at.toISOString(),
  };
}
