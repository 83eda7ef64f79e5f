import type { Encounter, Observation, Patient, Resource } from '@medplum/fhirtypes';
import type { Fact, StayEvent } from '@primum/record';

/** A patient as the messages of a batch see it. `version` is that of the Patient resource, 0 where there is none yet. */
export type PatientState = {
  id: string;
  siteId: number;
  /** The survivor of merges; the patient itself where there was none. */
  rootId: string;
  /** Whom it was merged into; null for a root. */
  intoId: string | null;
  version: number;
  /** Loaded only where a message of the batch may change it. */
  resource: Patient | undefined;
};

export type StayState = {
  id: string;
  patientId: string;
  siteId: number;
  /** Hex. */
  visitToken: string;
  events: readonly StayEvent[];
  version: number;
  resource: Encounter | undefined;
};

/** A resource that is kept beside patients, stays and results, as its last version stands. */
export type KeptState = { patientId: string | null; version: number; deleted: boolean; body: Resource };

/** A result as it stands, of a stay that a message may move to another patient. */
export type MovableResult = {
  id: string; patientId: string; version: number; sourceId: number; body: Observation; effectiveAt: number;
  fact: Pick<Fact, 'code' | 'value' | 'text' | 'effectiveAt' | 'status' | 'flag'> | undefined;
};

export type ObservationState = { patientId: string; version: number; retracted: boolean };

/**
 * What a batch of messages needs of the record, loaded under the locks of every patient in it, and what the batch has
 * made of it so far. Changed by `absorb` only.
 */
export type RecordState = {
  patients: Map<string, PatientState>;
  /** Identifier token (hex) → patient. */
  byToken: Map<string, string>;
  stays: Map<string, StayState>;
  /** Visit token (hex) → stay. */
  byVisit: Map<string, string>;
  /** Fact key → its Observation. */
  observations: Map<string, ObservationState>;
  /** Stay → its results; loaded where a message of the batch moves visits. */
  movable: Map<string, MovableResult[]>;
  /** `Type/id` → what is kept under it, of what a message of the batch may touch. */
  kept: Map<string, KeptState>;
  /** Earliest and latest effective time of a patient's facts; loaded for patients that a batch merges or parts. */
  factBounds: Map<string, { from: number; to: number }>;
};

export type FactWrite = Omit<Fact, 'seq'> & { patientId: string; n: number };

export type ResourceWrite = { type: string; id: string; version: number; patientId: string | null; body: Resource };

export type ChangeKind = 'facts' | 'correction' | 'stay' | 'merge';

/** What one message does to the record. */
export type Effects = {
  /** New and changed patients by id. */
  patients: Map<string, PatientState>;
  newPatients: Set<string>;
  identifiers: Map<string, string>;
  links: { fromId: string; intoId: string | null }[];
  stays: Map<string, StayState>;
  stayEvents: { stayId: string; event: StayEvent }[];
  observations: Map<string, ObservationState>;
  kept: Map<string, KeptState>;
  resources: ResourceWrite[];
  facts: FactWrite[];
  unmapped: { code: string; unit: string; why: 'code' | 'unit' }[];
  /** Patients whose facts, stays or links changed, with the stay that it is about. */
  touched: Map<string, string | undefined>;
  kind: ChangeKind;
  /** Earliest and latest effective time of what changed. */
  fromAt: number;
  toAt: number;
};

export function emptyState(): RecordState {
  return { patients: new Map(), byToken: new Map(), stays: new Map(), byVisit: new Map(), observations: new Map(), kept: new Map(), movable: new Map(), factBounds: new Map() };
}

export function emptyEffects(): Effects {
  return {
    patients: new Map(), newPatients: new Set(), identifiers: new Map(), links: [], stays: new Map(), stayEvents: [], observations: new Map(), kept: new Map(),
    resources: [], facts: [], unmapped: [], touched: new Map(), kind: 'facts', fromAt: Infinity, toAt: -Infinity,
  };
}

/** Makes a message's effects part of the state that the next message of the batch sees. */
export function absorb(state: RecordState, effects: Effects): void {
  for (const [id, patient] of effects.patients) state.patients.set(id, patient);
  for (const [token, id] of effects.identifiers) state.byToken.set(token, id);
  for (const [id, stay] of effects.stays) {
    state.stays.set(id, stay);
    state.byVisit.set(stay.visitToken, id);
  }
  for (const [key, kept] of effects.kept) state.kept.set(key, kept);
  for (const [key, observation] of effects.observations) state.observations.set(key, observation);
  for (const { patientId, effectiveAt } of effects.facts) {
    const bounds = state.factBounds.get(patientId);
    state.factBounds.set(patientId, { from: Math.min(bounds?.from ?? Infinity, effectiveAt), to: Math.max(bounds?.to ?? -Infinity, effectiveAt) });
  }
}
