import type { ProofId, ProofRecord } from '../proof.ts';
import { cfr11 } from './cfr11.ts';
import type { Control, Framework } from './control.ts';
import { gdpr } from './gdpr.ts';
import { hipaa } from './hipaa.ts';
import { iso27001 } from './iso27001.ts';
import { soc2 } from './soc2.ts';

export const frameworks: readonly Framework[] = [hipaa, gdpr, iso27001, soc2, cfr11];

/** `shown`: every proof passed and nothing is left to people. `not shown`: a proof failed, or none could be tried. */
export type ControlState = 'shown' | 'partly' | 'not shown' | 'not by software';

/** One failure outweighs any number of successes: evidence is never averaged. */
export function stateOf({ proofs, left }: Control, records: ReadonlyMap<ProofId, Pick<ProofRecord, 'passed'>>): ControlState {
  if (proofs.length === 0) return 'not by software';
  const results = proofs.map((id) => records.get(id)?.passed ?? null);
  if (results.includes(false) || results.every((passed) => passed === null)) return 'not shown';
  return results.includes(null) || left !== undefined ? 'partly' : 'shown';
}

/** Which controls lean on a proof. */
export function controlsOf(id: ProofId): string[] {
  return frameworks.flatMap((framework) => framework.controls.filter(({ proofs }) => proofs.includes(id)).map(({ ref }) => `${framework.id} ${ref}`));
}

/** What no proof here, and no software of this kind, can show. */
export const beyondSoftware: readonly string[] = [
  'That people follow a procedure: identify a patient, answer a request in time, look at a queue, lock a door.',
  'That nobody looks over a shoulder, lends a sign-in, photographs a screen or tells what they read.',
  'Where a disk or a server really stands, and who can reach it: regions are as their operator declares them.',
  'That the administrators of machine, database and key store, who can do more than Primum, are honest; what they alter in the log is named, what they read outside Primum is not.',
  'That a score helps patients. That it is rebuilt identically is shown; that it is right is a clinical study’s.',
  'Legal judgements: a basis for processing, whether a risk is high, whether a breach must be reported.',
  'That the same holds tomorrow: these proofs are of the moment that stands beside each.',
  'Anything about software beneath: operating system, PostgreSQL, Node, hardware.',
];
