import type { Resource } from '@medplum/fhirtypes';
import { PrimumError, type Clock } from '@primum/base';
import { sqlState, type Db, type Sql } from '@primum/store';
import { requirePermission, scopesAllow, type Audit, type Authority, type Keys, type Policy, type Principal, type Purpose } from '@primum/trust';
import type { CodeTable } from '../codes/code-table.ts';
import type { StayRules } from '../stays/stay-rules.ts';
import { patientIdOf } from './patient-of.ts';
import { rowIdOf } from './row-id.ts';
import { Overtaken, placeOf, registers, writeCalls, type Owners, type Planned, type PlannedCall } from './write-calls.ts';
import type { WriteGroups } from './write-groups.ts';
import type { SearchIndex } from './write-versions.ts';

export type WriteDeps = {
  db: Db; keys: Keys; audit: Audit; policy: Policy; clock: Clock; search: SearchIndex; codes: CodeTable;
  /** How Encounters are read as stays; the shipped ones where absent. */
  stayRules?: StayRules;
  /** Where small writes meet to share a transaction; each has its own where absent. */
  groups?: WriteGroups;
};

export type WriteCall = {
  tenant: number;
  principal: Principal;
  purpose: Purpose;
  /** As the audit log names it: `resource.write` unless said otherwise. */
  action?: string;
  /** Which message these come from, for lineage. */
  messageId?: string;
  /** A part of Primum that writes by its own authority: asked in the place of record.write and record.define. */
  authority?: Authority;
  /** What else is written in the same transaction, after the versions are known. */
  within?(tx: Sql, written: readonly Written[]): Promise<void>;
};

export type WriteOperation =
  /** `resource.id` is a new one, made by the server. */
  | { kind: 'create'; resource: Resource }
  /** Replaces what stands under `resource.id`, or begins it there where `mustExist` is not set. `ifMatch`: the version that it must replace; 0: nothing may stand there. */
  | { kind: 'update'; resource: Resource; ifMatch?: number; mustExist?: boolean }
  | { kind: 'delete'; type: string; id: string; ifMatch?: number };

/** `absent`: there was nothing to delete. `unchanged`: what was sent is what stands there, and no version was made. */
export type Written = { type: string; id: string; version: number; at: Date; outcome: 'created' | 'updated' | 'unchanged' | 'deleted' | 'absent' };

const maxOperations = 5_000;
const attempts = 5;

/**
 * Writes resources in one transaction: all of them or none. Patients that the operations create are registered with
 * their keys and identifiers; every other patient must be on record (record.reference-unknown) and allowed to the
 * principal. Under the patients' locks a sequence is drawn, versions and what they are found by are written, Observations
 * become facts, Encounters stays (followStays), and the audit event stands in the same transaction. Small writes share transactions where
 * `deps.groups` is given. Results are in the order of the operations.
 *
 * Errors: auth.forbidden, auth.scope-insufficient, record.reference-unknown, record.not-found (`mustExist`),
 * record.version-mismatch (`ifMatch`), record.version-conflict (others kept changing the same), record.erased.
 */
export async function writeResources(deps: WriteDeps, call: WriteCall, operations: readonly WriteOperation[]): Promise<Written[]> {
  if (operations.length === 0) return [];
  if (operations.length > maxOperations) throw new PrimumError('record.too-many', `more than ${maxOperations} at once`);
  const planned = operations.map((operation) => plan(deps, call.tenant, operation));
  const places = new Set(planned.map(placeOf));
  if (places.size < planned.length) throw new PrimumError('record.repeated', 'a resource stands twice in one transaction');
  demandScopes(call.principal, operations);
  const lookUp = async (): Promise<PlannedCall> => {
    const owners = await ownersOf(deps.db, call.tenant, planned);
    await demand(deps, call, planned, owners);
    return { call, planned, owners };
  };
  let one = await lookUp();
  const together = await deps.groups?.write(deps, one);
  if (together !== undefined) return together;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await writeAlone(deps, one);
    } catch (error) {
      const contended = sqlState(error) === '23505' || error instanceof Overtaken;
      if (!contended) throw error;
      if (attempt === attempts) throw new PrimumError('record.version-conflict');
      one = await lookUp();
    }
  }
}

function writeAlone(deps: WriteDeps, one: PlannedCall): Promise<Written[]> {
  return deps.db.transaction(async (tx) => {
    const [written] = await writeCalls(deps, tx, [one]);
    if (written instanceof Error) throw written;
    return written!; // one for each
  });
}

function plan({ keys }: Pick<WriteDeps, 'keys'>, tenant: number, operation: WriteOperation): Planned {
  const type = operation.kind === 'delete' ? operation.type : operation.resource.resourceType;
  const id = operation.kind === 'delete' ? operation.id : operation.resource.id ?? '';
  if (id === '') throw new PrimumError('internal.bug', 'a resource without an id');
  const patient = operation.kind === 'delete' ? null : patientIdOf(operation.resource);
  return { operation, type, id, rowId: rowIdOf(keys, tenant, type, id), patientId: patient === null ? null : rowIdOf(keys, tenant, 'Patient', patient) };
}

/** Letters of SMART scopes; which patient is asked of the policies. */
function demandScopes(principal: Principal, operations: readonly WriteOperation[]): void {
  const scopes = principal.kind === 'client' ? principal.scopes : principal.kind === 'user' ? principal.via?.scopes : undefined;
  if (scopes === undefined) return;
  for (const operation of operations) {
    const type = operation.kind === 'delete' ? operation.type : operation.resource.resourceType;
    const letter = ({ create: 'c', update: 'u', delete: 'd' } as const)[operation.kind];
    if (!scopesAllow(scopes, letter, type)) throw new PrimumError('auth.scope-insufficient');
  }
}

async function ownersOf(sql: Sql, tenant: number, planned: readonly Planned[]): Promise<Owners> {
  const standing = planned.filter(({ operation }) => operation.kind !== 'create');
  const named = [...new Set(planned.flatMap(({ patientId }) => patientId ?? []))];
  const [owned, patients] = await Promise.all([
    standing.length === 0 ? [] : sql.query<{ type: string; id: string; patient_id: string | null }>(`
      select r.type, r.id, r.patient_id from unnest($2::text[], $3::uuid[]) as t(type, id) cross join lateral (
        select type, id, patient_id from resource where tenant = $1 and type = t.type and id = t.id order by version desc limit 1) r`,
    [tenant, standing.map(({ type }) => type), standing.map(({ rowId }) => rowId)], { point: true }),
    named.length === 0 ? [] : sql.query<{ id: string }>('select id from patient where tenant = $1 and id = any($2::uuid[])', [tenant, named], { point: true }),
  ]);
  return { of: new Map(owned.map(({ type, id, patient_id }) => [`${type}/${id}`, patient_id])), patients: new Set(patients.map(({ id }) => id)) };
}

async function demand(deps: WriteDeps, call: WriteCall, planned: readonly Planned[], owners: Owners): Promise<void> {
  const made = new Set(planned.filter((one) => registers(one, owners)).map(({ rowId }) => rowId));
  const existing = new Set<string>();
  let defines = made.size > 0;
  for (const { type, rowId, patientId } of planned) {
    const standing = owners.of.get(`${type}/${rowId}`);
    if (typeof standing === 'string') existing.add(standing);
    if (patientId === null) defines ||= typeof standing !== 'string';
    else if (owners.patients.has(patientId)) existing.add(patientId);
    else if (!made.has(patientId)) throw new PrimumError('record.reference-unknown', 'Patient');
  }
  const asked = { tenant: call.tenant, principal: call.principal, purpose: call.purpose, action: call.action ?? 'resource.write' };
  if (existing.size > 0) await requirePermission(deps, { ...asked, authority: call.authority ?? 'record.write', patientIds: [...existing] });
  if (!defines) return;
  // Whose token is bound to one patient registers nobody else, and nothing that is everybody's.
  if (call.principal.kind === 'user' && call.principal.via?.patientId !== undefined) throw new PrimumError('auth.forbidden', 'record.define');
  await requirePermission(deps, { ...asked, authority: call.authority ?? 'record.define' });
}
