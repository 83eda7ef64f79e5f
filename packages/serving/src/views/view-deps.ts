import type { Clock } from '@primum/base';
import type { ModelPackage } from '@primum/registry';
import type { Db } from '@primum/store';
import type { PhiReader } from '@primum/trust';
import type { FindModel } from '../replay/find-model.ts';
import { createTimelineCache, type TimelineCache } from '../scoring/timeline-cache.ts';
import { decodePayload, payloadAad, type PredictionPayload } from '../scoring/payload.ts';
import { createBoundedMap, type BoundedMap } from './bounded-map.ts';
import type { CachedIdentity } from './identities.ts';
import type { LatestFacts } from './readings.ts';

export type ViewOptions = { db: Db; tenant: number; clock: Clock; model: ModelPackage | null; findModel: FindModel };

/**
 * What the read models share. The caches hold only what cannot change (a sealed prediction, a version of a Patient) or
 * what is brought up to date before each use (timelines); access to all of it goes through a reader, which is audited.
 */
export type ViewDeps = ViewOptions & {
  timelines: TimelineCache;
  latest: BoundedMap<LatestFacts>;
  identities: BoundedMap<CachedIdentity>;
  payloads: BoundedMap<PredictionPayload>;
};

export function createViewDeps(options: ViewOptions): ViewDeps {
  return {
    ...options,
    timelines: createTimelineCache({ maxRows: 1_000_000, digests: false }),
    latest: createBoundedMap(5_000),
    identities: createBoundedMap(5_000),
    payloads: createBoundedMap(5_000),
  };
}

/** Drops what is held in memory of patients who were erased. Payloads are not found by patient, so all of them go. */
export function forgetPatients(deps: ViewDeps, patientIds: readonly string[]): void {
  for (const id of patientIds) {
    deps.timelines.forget(id);
    deps.latest.forget(id);
    deps.identities.forget(id);
  }
  deps.payloads.clear();
}

/** The sealed part of a prediction; opened once, kept while it is in use. */
export async function openPayload(deps: ViewDeps, reader: PhiReader, row: { id: string; patientId: string; sealed: Buffer }): Promise<PredictionPayload> {
  const cached = deps.payloads.get(row.id);
  if (cached !== undefined) return cached;
  const payload = decodePayload(await reader.open(row.sealed, row.patientId, payloadAad(row.id)));
  deps.payloads.set(row.id, payload);
  return payload;
}
