import type { StreamEvent } from '@primum/store';
import type { Core } from '../core.ts';

/** Passes on what the stream says of erased patients: the erasure may have been another process's. */
export function forgetErased({ onErased }: Pick<Core, 'onErased'>, batch: readonly StreamEvent[]): void {
  for (const { topic, payload } of batch) {
    if (topic !== 'patient.erased') continue;
    const { patientIds } = payload as { patientIds: string[] }; // written by executeErasure and applyTombstones
    for (const forget of onErased) forget(patientIds);
  }
}
