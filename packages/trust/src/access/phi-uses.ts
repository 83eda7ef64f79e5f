import { assert, PrimumError } from '@primum/base';
import { maxEntitiesPerEvent } from '../audit/audit.ts';
import type { AuditEntity, AuditInput, AuditOutcome } from '../audit/audit-event.ts';
import type { Principal, Purpose } from './principal.ts';

/**
 * Patients that a capability is for. `worklist`: whoever is on a list, by its filter; `alsoUnassigned`: and what on it
 * belongs to no one patient. `unassigned`: content of no one patient.
 */
export type PhiScope = { patientIds: readonly string[] } | { worklist: string | number; alsoUnassigned?: true } | { unassigned: true };

export type PhiUse = { patientId?: string; patientIds?: readonly string[]; entities?: readonly AuditEntity[] };

/**
 * What was done under one capability. Uses of one action add up to one audit event (more only past the bound on
 * entities); an event names the patients that were granted by id, used or not, and of a wider scope those used.
 */
export type PhiUses = {
  /** Throws trust.capability-ended after `end`, auth.forbidden outside the scope. */
  use(use: PhiUse & { unassigned?: boolean }, action?: string): void;
  end(): void;
  events(outcome: AuditOutcome, at: Date): AuditInput[];
};

export function createPhiUses(request: { tenant: number; principal: Principal; purpose: Purpose; action: string; scope?: PhiScope }): PhiUses {
  const { tenant, principal, purpose, scope } = request;
  const granted = scope !== undefined && 'patientIds' in scope ? new Set(scope.patientIds) : undefined;
  const used = new Map<string, { patients: Set<string>; entities: Map<string, AuditEntity> }>();
  let live = true;
  const usesOf = (action: string): { patients: Set<string>; entities: Map<string, AuditEntity> } => {
    const known = used.get(action) ?? { patients: new Set(granted ?? []), entities: new Map<string, AuditEntity>() };
    used.set(action, known);
    return known;
  };
  usesOf(request.action);

  return {
    use: ({ patientId, patientIds = [], entities = [], unassigned = false }, action = request.action) => {
      if (!live) throw new PrimumError('trust.capability-ended');
      if (unassigned && scope !== undefined && !('unassigned' in scope) && !('alsoUnassigned' in scope)) throw new PrimumError('auth.forbidden', 'the capability is for patients');
      const { patients, entities: noted } = usesOf(action);
      for (const id of patientId === undefined ? patientIds : [patientId, ...patientIds]) {
        if (scope !== undefined && 'unassigned' in scope) throw new PrimumError('auth.forbidden', 'the capability is for content of no patient');
        if (granted !== undefined && !granted.has(id)) throw new PrimumError('auth.forbidden', 'the capability is for another patient');
        patients.add(id);
      }
      for (const entity of entities) noted.set(`${entity.type}/${entity.id}`, entity);
      assert(used.size <= 100, 'too many actions under one capability');
    },
    end: () => { live = false; },
    events: (outcome, at) => [...used].flatMap(([action, { patients, entities }]) => {
      const base = { tenant, principal, purpose, action, outcome, at };
      // Only work that outgrew the bound is split; patients and entities then stand in different events.
      if (patients.size + entities.size <= maxEntitiesPerEvent) return [{ ...base, patientIds: [...patients], entities: [...entities.values()] }];
      return [
        ...inParts([...patients]).map((patientIds) => ({ ...base, patientIds })),
        ...inParts([...entities.values()]).map((part) => ({ ...base, entities: part })),
      ];
    }),
  };
}

function inParts<T>(all: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(all.length / maxEntitiesPerEvent) }, (_, part) => all.slice(part * maxEntitiesPerEvent, (part + 1) * maxEntitiesPerEvent));
}
