import type { Hl7Problem } from '@primum/formats';
import type { CodeTable, StayFactChange } from '@primum/record';
import type { KeptReading } from '../keep/kept-reading.ts';
import type { MappingTable } from '../mapping/mapping-table.ts';
import type { MessageReading } from '../reading/message-reading.ts';
import type { FactCheck } from '../quality/check-fact.ts';
import type { Source } from '../sources/source.ts';
import type { Json } from '../v2-to-fhir/element-path.ts';
import type { Trace } from '../fhir/provenance.ts';
import type { Effects, FactWrite, PatientState, RecordState, StayState } from './record-state.ts';

/** A message read and keyed, ready to be applied. Tokens are hex. */
export type PreparedMessage = {
  id: string;
  receivedAt: number;
  source: Source;
  mapping: MappingTable;
  reading: MessageReading;
  /** By subject: identifier tokens in order, and the visit's. */
  subjects: readonly { tokens: readonly string[]; visitToken: string | undefined }[];
  /** Of each MRG: its PID's place among the subjects, and the tokens of what it names. */
  priors: readonly { subject: number; tokens: readonly string[]; visitTokens: readonly string[]; visitNowToken: string | undefined }[];
  /** What the mapping tables read of it; undefined for messages about two patients. */
  kept: KeptReading | undefined;
  /** Ids of what is kept, if it belongs to this patient ('' for nobody's), by its URL; `parent URL` is the document before. */
  keptIds(patientId: string): ReadonlyMap<string, string>;
  /** Fact keys of the results, in order, if they belong to this patient. */
  resultKeys(patientId: string): readonly string[];
};

export type MessageContext = {
  readonly state: RecordState;
  readonly effects: Effects;
  readonly message: PreparedMessage;
  readonly codes: CodeTable;
  /** The rules of quality that act before a fact is written. */
  readonly checkFact: FactCheck;
  /** The sequence under which everything of this batch becomes known. */
  readonly seq: number;
  /** The next row number under `seq`. */
  nextN(): number;
  /** A keyed UUID of some parts: the identity of a fact. */
  keyOf(...parts: readonly string[]): string;
  newId(): string;
  readonly trace: Trace;
  /** By the sequence of OBX, the Observation that it became. */
  readonly observed: Map<number, { key: string; obr: number }>;
  /** By patient, what references lead to: made once, a message may hold thousands of resources. */
  readonly references: Map<string | undefined, (url: string) => Json | undefined>;
};

/** The record refuses the message: thrown by the reducers, returned by `applyMessage`. */
export class Refusal extends Error {
  readonly problem: Hl7Problem;
  constructor(problem: Hl7Problem) {
    super(problem.code);
    this.problem = problem;
  }
}

export function patientOf({ state, effects }: MessageContext, id: string): PatientState | undefined {
  return effects.patients.get(id) ?? state.patients.get(id);
}

export function stayOf({ state, effects }: MessageContext, id: string): StayState | undefined {
  return effects.stays.get(id) ?? state.stays.get(id);
}

/** Every patient of a root, itself included. */
export function groupOf(context: MessageContext, rootId: string): PatientState[] {
  const members = new Map<string, PatientState>();
  for (const source of [context.state.patients, context.effects.patients]) {
    for (const [id, patient] of source) members.set(id, patient);
  }
  return [...members.values()].filter((patient) => patient.rootId === rootId);
}

/** Stays of a root's patients, newest admission last known first. */
export function staysOf(context: MessageContext, rootId: string): StayState[] {
  const members = new Set(groupOf(context, rootId).map(({ id }) => id));
  const stays = new Map<string, StayState>();
  for (const source of [context.state.stays, context.effects.stays]) {
    for (const [id, stay] of source) stays.set(id, stay);
  }
  return [...stays.values()].filter((stay) => members.has(stay.patientId));
}

export function touch(context: MessageContext, patientId: string, stayId: string | undefined, at: { from: number; to: number }): void {
  const { effects } = context;
  effects.touched.set(patientId, stayId ?? effects.touched.get(patientId));
  effects.fromAt = Math.min(effects.fromAt, at.from);
  effects.toAt = Math.max(effects.toAt, at.to);
}

export function addFact(context: MessageContext, fact: Omit<FactWrite, 'n'>): void {
  context.effects.facts.push({ ...fact, n: context.nextN() });
}

/** Appends what a stay's or a patient's change means for the facts; a change of an earlier fact makes the message a correction. */
export function addFactChanges(context: MessageContext, patientId: string, about: string, changes: readonly StayFactChange[]): void {
  for (const { name, ...fact } of changes) {
    addFact(context, { ...fact, patientId, key: context.keyOf('stay-fact', about, name) });
    if (fact.status !== 'final') context.effects.kind = 'correction';
  }
}
