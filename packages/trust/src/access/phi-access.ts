import { PrimumError, type Clock } from '@primum/base';
import type { Permission } from '@primum/contract';
import type { Db, Sql } from '@primum/store';
import type { Audit } from '../audit/audit.ts';
import type { AuditAction, AuditInput } from '../audit/audit-event.ts';
import type { Keys } from '../keys/keys.ts';
import { allows, type Principal, type Purpose } from './principal.ts';

/** Whose data may be touched: patients by id, or everyone on a site's worklist (decided where the list is read). */
export type PhiScope = { patientIds: readonly string[] } | { worklist: string };

export type PhiGrant = {
  tenant: number;
  principal: Principal;
  purpose: Purpose;
  permission: Permission;
  scope: PhiScope;
  remote?: string;
};

/** Lent to a callback, for a person or the system, a purpose and a scope; it ends with the callback. */
export type PhiReader = {
  readonly tenant: number;
  readonly principal: Principal;
  readonly purpose: Purpose;
  /** Opens sealed content of a patient in the scope, and remembers that it did. */
  open(sealed: Uint8Array, patientId: string, aad: string): Promise<Buffer>;
  /** Says that this patient's data in clear (facts, scores) is read, and what. */
  note(patientId: string, entity?: { type: string; id: string }): void;
};

type Deps = { db: Db; keys: Keys; audit: Audit; clock: Clock };

/** A callback reads this many different patients at most. */
const maxPatients = 5_000;

/**
 * Lends a reader to `work`. Every patient that was read stands on the audit log, committed, before the result leaves;
 * where that fails, the result does not leave. A refusal is audited too.
 */
export async function withPhiReader<T>(deps: Deps, grant: PhiGrant, work: (reader: PhiReader) => Promise<T>): Promise<T> {
  const event = (action: AuditAction, outcome: AuditInput['outcome'], patientId?: string, entities: readonly { type: string; id: string }[] = []): AuditInput => ({
    tenant: grant.tenant, action, outcome, principal: grant.principal, purpose: grant.purpose, at: deps.clock.now(), entities,
    ...(patientId === undefined ? {} : { patientId }), ...(grant.remote === undefined ? {} : { remote: grant.remote }),
  });
  const write = (events: readonly AuditInput[]): Promise<void> => deps.db.transaction((tx) => deps.audit.write(tx, events));
  const inScope = scopeTest(grant.scope);
  if (!allows(grant.principal, grant.permission)) {
    await write([event('access.refused', 'minor-failure', 'patientIds' in grant.scope ? grant.scope.patientIds[0] : undefined)]);
    throw new PrimumError('auth.forbidden');
  }
  const touched = new Map<string, Map<string, { type: string; id: string }>>();
  let ended = false;
  const touch = (patientId: string, entity?: { type: string; id: string }): void => {
    if (ended) throw new PrimumError('trust.capability-ended');
    if (!inScope(patientId)) throw new PrimumError('auth.forbidden', 'outside the scope of this reader');
    let entities = touched.get(patientId);
    if (entities === undefined) {
      if (touched.size >= maxPatients) throw new PrimumError('auth.forbidden', 'too many patients in one reading');
      entities = new Map();
      touched.set(patientId, entities);
    }
    if (entity !== undefined && entities.size < 20) entities.set(`${entity.type}/${entity.id}`, entity);
  };
  const reader: PhiReader = {
    tenant: grant.tenant,
    principal: grant.principal,
    purpose: grant.purpose,
    async open(sealed, patientId, aad) {
      touch(patientId);
      return deps.keys.open(grant.tenant, sealed, aad);
    },
    note: touch,
  };
  let outcome: AuditInput['outcome'] = 'success';
  try {
    return await work(reader);
  } catch (error) {
    outcome = 'minor-failure';
    throw error;
  } finally {
    ended = true;
    // Also after a failure: what was read was read. If this throws, the result does not leave.
    if (touched.size > 0) await write([...touched].map(([patientId, entities]) => event('phi.read', outcome, patientId, [...entities.values()])));
  }
}

function scopeTest(scope: PhiScope): (patientId: string) => boolean {
  if ('worklist' in scope) return () => true;
  const ids = new Set(scope.patientIds);
  return (patientId) => ids.has(patientId);
}

/** Lent to a callback with its transaction: what it writes and the audit of it are committed together. */
export type PhiWriter = {
  readonly tenant: number;
  readonly principal: Principal;
  readonly purpose: Purpose;
  readonly tx: Sql;
  seal(patientId: string, plain: Uint8Array, aad: string): Buffer;
  open(sealed: Uint8Array, aad: string): Promise<Buffer>;
  /** Adds an event to those that this transaction writes. */
  note(action: AuditAction, patientId: string, entities?: readonly { type: string; id: string }[]): void;
};

/** Runs `work` in the given transaction with a writer; its notes are written before it returns. Keys must be ensured. */
export async function withPhiWriter<T>(
  deps: Pick<Deps, 'keys' | 'audit' | 'clock'>, tx: Sql, grant: Omit<PhiGrant, 'scope' | 'permission'>, work: (writer: PhiWriter) => Promise<T>,
): Promise<T> {
  const events: AuditInput[] = [];
  let ended = false;
  const live = (): void => { if (ended) throw new PrimumError('trust.capability-ended'); };
  const writer: PhiWriter = {
    tenant: grant.tenant,
    principal: grant.principal,
    purpose: grant.purpose,
    tx,
    seal(patientId, plain, aad) {
      live();
      return deps.keys.seal(grant.tenant, { kind: 'patient', patientId }, plain, aad);
    },
    async open(sealed, aad) {
      live();
      return deps.keys.open(grant.tenant, sealed, aad);
    },
    note(action, patientId, entities = []) {
      live();
      events.push({ tenant: grant.tenant, action, outcome: 'success', principal: grant.principal, purpose: grant.purpose, at: deps.clock.now(), patientId, entities });
    },
  };
  try {
    const result = await work(writer);
    await deps.audit.write(tx, events);
    return result;
  } finally {
    ended = true;
  }
}
