import { runConsumer, type Db, type Sequencer } from '@primum/store';
import { gatherChanges } from './gather-changes.ts';
import type { Provenance } from './prediction-row.ts';
import { scoringCodeDigest } from './code-digest.ts';
import { runtimeName } from './runtime.ts';
import { scoreChanges, type ScoreCounts, type ScoreDeps } from './score-changes.ts';
import { createTicker } from './tick-stays.ts';
import { createTimelineCache } from './timeline-cache.ts';

export type ScoringDeps = Omit<ScoreDeps, 'provenance'> & { db: Db; sequencer: Sequencer };

export type ScoringOptions = {
  /** Facts that are kept in memory for all patients together; 2,000,000. */
  maxCachedFacts?: number;
  batchSize?: number;
  tickEveryMs?: number;
  /** Told after each commit. */
  onScored?(counts: ScoreCounts): void;
};

export type Scoring = {
  readonly provenance: Provenance;
  /** Looks for silent stays now, as the timer does. */
  tick(): Promise<number>;
  /** Drops what is held in memory of patients who were erased. */
  forget(patientIds: readonly string[]): void;
  close(): Promise<void>;
};

/**
 * The scoring consumer: loads the model where it computes, then answers every `patient.changed`. Its effects and its
 * offset are one transaction; a compute fault is retried, never skipped.
 */
export async function startScoring(deps: ScoringDeps, options: ScoringOptions = {}): Promise<Scoring> {
  const { db, sequencer, model, tenant, log } = deps;
  const provenance = await servedProvenance(deps);
  await Promise.all([deps.engine.load(model.digest, model.onnx), deps.explainer.load(model.digest, model.ensemble)]);
  const cache = createTimelineCache({ maxRows: options.maxCachedFacts ?? 2_000_000, digests: true });
  const stop = new AbortController();
  const consumer = runConsumer(
    { db, sequencer, log },
    { tenant, name: 'scoring', topics: ['patient.changed'], batchSize: options.batchSize ?? 64, signal: stop.signal },
    async (tx, events) => {
      const counts = await scoreChanges({ ...deps, provenance }, cache, tx, gatherChanges(events));
      return () => {
        if (counts.predictions + counts.alertEvents === 0) return;
        sequencer.kick();
        options.onScored?.(counts);
      };
    },
  );
  const ticker = createTicker({ db, tenant, clock: deps.clock, log, announced: () => sequencer.kick() }, { everyMs: options.tickEveryMs ?? 500 });
  return {
    provenance,
    tick: () => ticker.tick(),
    forget: (patientIds) => {
      for (const id of patientIds) cache.forget(id);
    },
    close: async () => {
      await ticker.close();
      stop.abort();
      await consumer;
    },
  };
}

export async function servedProvenance({ model, engine }: Pick<ScoreDeps, 'model' | 'engine'>): Promise<Provenance> {
  return {
    modelDigest: model.digest,
    featureSetDigest: model.featureSet.digest,
    policyDigest: model.alertPolicy.digest,
    codeDigest: await scoringCodeDigest(),
    runtime: runtimeName(engine.runtime),
  };
}
