import { hash, randomBytes } from 'node:crypto';
import type { AuditEvent } from '@medplum/fhirtypes';
import { assert, uuidv7 } from '@primum/base';
import type { Sql } from '@primum/store';
import { actorOf } from '../access/principal.ts';
import type { Keys } from '../keys/keys.ts';
import { auditEvent, patientsOf, type AuditInput } from './audit-event.ts';

/**
 * The audit log. `write` puts events on it in the caller's transaction, all in one statement: what is audited and its
 * audit are committed together or not at all. A failure to audit is a failure of what was to be audited.
 */
export type Audit = { write(tx: Sql, events: readonly AuditInput[]): Promise<void> };

/** Patients and other entities of one event; who touches more writes several events. */
export const maxEntitiesPerEvent = 2_000;
const saltBytes = 16;

type AuditRow = {
  tenant: number; id: string; recordedAt: Date; actor: string; action: string; outcome: string; purpose: string;
  patientId: string | null; patientIds: readonly string[] | null; leaf: Buffer; sealed: Buffer;
};

export function createAudit(deps: { keys: Keys }): Audit {
  return {
    write: async (tx, events) => {
      if (events.length === 0) return;
      const rows = events.map((event) => auditRow(deps.keys, event));
      await tx.query(
        `insert into audit_event (tenant, id, recorded_at, actor, action, outcome, purpose, patient_id, patient_ids, leaf, sealed)
         select tenant, id, recorded_at, actor, action, outcome, purpose, patient_id, patient_ids::uuid[], leaf, sealed
         from unnest($1::int[], $2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[], $8::uuid[], $9::text[], $10::bytea[], $11::bytea[])
           as r(tenant, id, recorded_at, actor, action, outcome, purpose, patient_id, patient_ids, leaf, sealed)`,
        [
          rows.map(({ tenant }) => tenant), rows.map(({ id }) => id), rows.map(({ recordedAt }) => recordedAt.toISOString()),
          rows.map(({ actor }) => actor), rows.map(({ action }) => action), rows.map(({ outcome }) => outcome), rows.map(({ purpose }) => purpose),
          rows.map(({ patientId }) => patientId), rows.map(({ patientIds }) => (patientIds === null ? null : `{${patientIds.join(',')}}`)),
          rows.map(({ leaf }) => leaf), rows.map(({ sealed }) => sealed),
        ],
      );
    },
  };
}

/**
 * A row of the log. `leaf` is the RFC 6962 (section 2.1) leaf hash SHA-256(0x00 ‖ salt ‖ canonical event), a commitment
 * that tells nothing once the salt is gone; `sealed` holds salt ‖ canonical event under the tenant's key. The id is a
 * UUIDv7 of the event's time, so that the primary key is also the order in time.
 */
export function auditRow(keys: Keys, input: AuditInput): AuditRow {
  assert((input.entities?.length ?? 0) + (input.patientIds?.length ?? 0) <= maxEntitiesPerEvent, 'too many entities in one audit event');
  const id = uuidv7(input.at.getTime());
  const patients = patientsOf(input);
  const content = Buffer.concat([randomBytes(saltBytes), Buffer.from(JSON.stringify(auditEvent(id, input)))]);
  return {
    tenant: input.tenant,
    id,
    recordedAt: input.at,
    actor: input.principal.kind === 'unknown' ? 'unknown' : actorOf(input.principal),
    action: input.action,
    outcome: input.outcome,
    purpose: input.purpose,
    patientId: patients.length === 1 ? patients[0]! : null,
    patientIds: patients.length > 1 ? patients : null,
    leaf: leafHash(content),
    sealed: keys.seal(input.tenant, { kind: 'tenant' }, content, auditAad(id)),
  };
}

function leafHash(saltAndEvent: Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([leafPrefix, saltAndEvent]), 'buffer');
}

/** Opens a sealed event; throws trust.sealed-corrupt when the row's body isn't the one sealed under its id. */
export async function openAuditEvent(keys: Keys, tenant: number, id: string, sealed: Uint8Array): Promise<{ event: AuditEvent; leaf: Buffer }> {
  const content = await keys.open(tenant, sealed, auditAad(id));
  // Sealed by us under this id: the shape that auditEvent() gave it.
  const event = JSON.parse(content.subarray(saltBytes).toString()) as AuditEvent;
  return { event, leaf: leafHash(content) };
}

const leafPrefix = Buffer.from([0]);

function auditAad(id: string): string {
  return `audit|${id}`;
}
