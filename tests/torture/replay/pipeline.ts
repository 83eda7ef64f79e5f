import { join } from 'node:path';
import { silentLog, systemClock } from '@primum/base';
import { createOnnxEngine } from '@primum/inference';
import { createAcceptor, createApplier, createBacklog, createSourceDirectory, loadMappings } from '@primum/ingest';
import { readPatientFacts } from '@primum/record';
import type { ModelPackage } from '@primum/registry';
import { createExplainer, startScoring } from '@primum/serving';
import { createObjects, createSequencer, migrate, openDb, startPostgres, type Db } from '@primum/store';
import { createAudit, createPolicy, openKeys } from '@primum/trust';

export const tenant = 1;

/** The whole path in one process without sockets: accept, apply, score, on a PostgreSQL of its own in `home`. */
export async function openPipeline(home: string, model: ModelPackage) {
  await using stack = new AsyncDisposableStack();
  const later = (close: () => unknown): void => stack.defer(async () => { await close(); });
  const log = silentLog;
  const clock = systemClock;
  const postgres = await startPostgres({ home, log });
  later(() => postgres.stop());
  const db = await openDb({ url: postgres.connection.url });
  later(() => db.close());
  await migrate(db);
  const keys = await openKeys({ directory: join(home, 'keys'), tenants: [tenant] });
  const audit = createAudit({ keys });
  const policy = createPolicy({ readPatientFacts, demonstration: true });
  const engine = createOnnxEngine();
  later(() => engine.close());
  const explainer = createExplainer();
  later(() => explainer.close());
  const sequencer = createSequencer({ db, log });
  later(() => sequencer.close());
  const scoring = await startScoring({ tenant, db, keys, audit, engine, explainer, model, clock, log, sequencer });
  later(() => scoring.close());
  const backlog = createBacklog({ db }, tenant);
  const sources = createSourceDirectory({ db, now: () => Date.now() }, tenant);
  const mappings = await loadMappings(model.codes);
  const applier = createApplier({ db, keys, objects: createObjects(join(home, 'objects')), audit, codes: model.codes, mappings, sources, clock, backlog, log, onCommitted: () => sequencer.kick() }, { tenant });
  later(() => applier.close());
  const acceptor = createAcceptor({ db, keys, clock, log, backlog, sources, onCommitted: () => applier.kick() }, { tenant });
  later(() => acceptor.close());
  const owned = stack.move();
  return {
    db, keys, audit, policy, engine, explainer, clock, log, codeDigest: scoring.provenance.codeDigest,
    /** Accepts, applies and scores; resolves when all of it is done. Throws where a message was not taken. */
    async take(messages: readonly string[]): Promise<void> {
      const answers = await Promise.all(messages.map((text) => acceptor.accept(Buffer.from(text), { remote: 'torture' })));
      if (answers.some((answer) => !answer.includes('MSA|AA'))) throw new Error('a message was not acknowledged');
      await applier.idle();
      await scored(db);
    },
    close: () => owned.disposeAsync(),
  };
}

export type Pipeline = Awaited<ReturnType<typeof openPipeline>>;

async function scored(db: Db): Promise<void> {
  for (;;) {
    const [row] = await db.query<{ done: boolean }>(
      `select not exists (select from outbox where topic = 'patient.changed') and coalesce((select max(seq) from stream_event where topic = 'patient.changed'), 0)
         <= coalesce((select seq from consumer_offset where consumer = 'scoring'), 0) as done`, [],
    );
    if (row?.done === true) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
