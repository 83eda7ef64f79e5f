import { setTimeout as sleep } from 'node:timers/promises';
import type { PhysionetStay } from '@primum/datasets';
import { identityTokens } from '@primum/ingest';
import { isTrainingStay, type TrainingStays } from '@primum/registry';
import type { Db } from '@primum/store';
import type { Keys } from '@primum/trust';
import { tenant } from '../core.ts';

const pollMs = 20;

/** Whether the model saw this stay when it was trained. A package that lists none cannot say so: then it is taken to have. */
export function inTraining(trainingStays: TrainingStays, stay: Pick<PhysionetStay, 'id'>): boolean {
  return trainingStays.digests.size === 0 || isTrainingStay(trainingStays, stay.id);
}

/**
 * Marks a patient as part of the served model's training data, as soon as the admission is applied. False when there
 * is no such patient within `limitMs` (the admission was quarantined, or applying is far behind).
 */
export async function markInTraining(deps: { db: Db; keys: Pick<Keys, 'token'>; signal: AbortSignal }, { mrn, facility }: { mrn: string; facility: string }, limitMs = 60_000): Promise<boolean> {
  const tokens = identityTokens(deps.keys, tenant, [{ value: mrn, authority: facility, type: 'MR' }]).map((token) => Buffer.from(token, 'hex'));
  for (const until = performance.now() + limitMs; performance.now() < until; await sleep(pollMs, undefined, { signal: deps.signal })) {
    const marked = await deps.db.query(
      `update patient p set in_training = true from patient_identifier i
       where i.tenant = $1 and i.token = any($2) and p.tenant = i.tenant and p.id = i.patient_id returning p.id`, [tenant, tokens]);
    if (marked.length > 0) return true;
  }
  return false;
}
