import { errorFields, type Log } from '@primum/base';
import type { Db, Session } from '../database/open-db.ts';
import type { Sql } from '../database/sql.ts';
import { createWake } from './wake.ts';

/** Told after the numbers are committed: rows of `topics` stand up to `head`. */
export type Numbered = { tenant: number; head: number; topics: ReadonlySet<string> };

/** What a reader in the same process waits on; a reader elsewhere polls. */
export type NumberedSource = { onNumbered(listener: (numbered: Numbered) => void): () => void };

export type Sequencer = NumberedSource & {
  /** "Something was just committed": numbers at once instead of at the next poll. Cheap; call it after each commit. */
  kick(): void;
  /** Whether this process holds the lease. */
  leads(): boolean;
  close(): Promise<void>;
};

export type SequencerOptions = { pollMs?: number; leaseRetryMs?: number; batchSize?: number; auditEveryMs?: number };

const leaseKey = 0x5052_5351;

/** Ids this far below the highest one numbered are looked at on every pass; those below only on a full pass. */
const windowIds = 2_000;
const fullPassEveryMs = 500;

/**
 * Gives committed rows their numbers. Identity values are drawn before a commit, so in their order a late committer
 * would appear behind readers that have gone on; waiting for every older transaction (an xmin horizon) would let a
 * stranger's open transaction in any database of the server stop all readers. So one sequencer, and after the commit:
 *
 * - The lease is an advisory lock of one session, and that same session does the numbering: whoever lost the lock has
 *   also lost the connection, so two can never number at once.
 * - Each pass moves what is visible in `outbox` to `stream_event` in one statement. What is not yet committed is simply
 *   found by a later pass, whatever its id; nobody waits for it.
 * - Deleted rows stay in the index until vacuum may remove them, which a long transaction can hold up. So a pass
 *   starts at a window below the highest id seen, and a full pass, at most every half second and never more than a
 *   twentieth of the time, finds what committed very late. That costs such a row half a second, never its place.
 * - Audit leaves are numbered the same way, less often.
 * - Only the numbering commits without waiting for the disk; what it numbers was committed and fsynced before.
 */
export function createSequencer({ db, log }: { db: Db; log: Log }, options: SequencerOptions = {}): Sequencer {
  const { pollMs = 200, leaseRetryMs = 1_000, auditEveryMs = 200 } = options;
  const batchSize = options.batchSize ?? 1_000;
  const listeners = new Set<(numbered: Numbered) => void>();
  const wake = createWake();
  const stop = new AbortController();
  let leading = false;

  const tell = (numbered: Numbered): void => {
    for (const listener of listeners) listener(numbered);
  };

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      let session: Session | undefined;
      try {
        session = await db.session();
        await lead(session);
      } catch (error) {
        if (!stop.signal.aborted) log.warn('sequencer.interrupted', errorFields(error));
      } finally {
        leading = false;
        await session?.close();
      }
      await createWake().wait(leaseRetryMs, stop.signal);
    }
  }

  async function lead(session: Session): Promise<void> {
    while (!stop.signal.aborted && !(await takeLease(session))) await createWake().wait(leaseRetryMs, stop.signal);
    if (stop.signal.aborted) return;
    leading = true;
    // The queue is nearly always empty and its statistics say so; a plan that reads it whole would be chosen.
    await session.query('set enable_seqscan = off');
    // Numbers need not be on disk before they are read: a consumer's own commit is flushed behind them in the same
    // write-ahead log, so an offset can't survive a number that was lost; a lost one is given again from the outbox.
    await session.query('set synchronous_commit = off');
    log.info('sequencer.leads', {});
    let highest = 0;
    let fullPassAt = 0;
    let auditAt = 0;
    while (!stop.signal.aborted) {
      const now = performance.now();
      const full = now >= fullPassAt;
      const pass = await numberOutbox(session, full ? 0 : Math.max(0, highest - windowIds), batchSize);
      highest = Math.max(highest, pass.highestId);
      for (const numbered of pass.numbered) tell(numbered);
      const more = pass.rows === batchSize;
      if (full && !more) fullPassAt = performance.now() + Math.max(fullPassEveryMs, 20 * (performance.now() - now));
      let auditMore = false;
      if (now >= auditAt) {
        auditMore = (await numberAudit(session, batchSize)) === batchSize;
        if (!auditMore) auditAt = performance.now() + auditEveryMs;
      }
      if (!more && !auditMore) await wake.wait(pollMs, stop.signal);
    }
  }

  const done = run();
  return {
    kick: () => wake.wake(),
    leads: () => leading,
    onNumbered: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: async () => {
      stop.abort();
      await done;
    },
  };
}

async function takeLease(session: Session): Promise<boolean> {
  const [row] = await session.query<{ got: boolean }>('select pg_try_advisory_lock($1) as got', [leaseKey]);
  return row?.got === true;
}

type Pass = { numbered: Numbered[]; rows: number; highestId: number };

/** One statement: take, number, store and move the heads; all or nothing. */
async function numberOutbox(session: Sql, aboveId: number, batchSize: number): Promise<Pass> {
  const heads = await session.query<{ tenant: number; head: number; topics: string[]; rows: number; highest_id: number }>(
    `with waiting as (
       select id from outbox where id > $1 order by id limit $2
     ), taken as (
       delete from outbox o using waiting w where o.id = w.id
       returning o.tenant, o.id, o.topic, o.key, o.payload, o.written_at
     ), placed as (
       select t.*, coalesce(h.seq, 0) + row_number() over (partition by t.tenant order by t.id) as seq
       from taken t left join stream_head h on h.tenant = t.tenant
     ), stored as (
       insert into stream_event (tenant, seq, topic, key, payload, written_at)
       select tenant, seq, topic, key, payload, written_at from placed order by tenant, seq
     ), moved as (
       insert into stream_head as h (tenant, seq)
       select tenant, max(seq) from placed group by tenant
       on conflict (tenant) do update set seq = excluded.seq
     )
     select tenant, max(seq) as head, array_agg(distinct topic) as topics, count(*)::int as rows, max(id) as highest_id
     from placed group by tenant`,
    [aboveId, batchSize],
  );
  return {
    numbered: heads.map(({ tenant, head, topics }) => ({ tenant, head, topics: new Set(topics) })),
    rows: heads.reduce((sum, { rows }) => sum + rows, 0),
    highestId: heads.reduce((highest, row) => Math.max(highest, row.highest_id), 0),
  };
}

async function numberAudit(session: Sql, batchSize: number): Promise<number> {
  const [row] = await session.query<{ rows: number }>(
    `with waiting as (
       select tenant, id from audit_event where seq is null order by tenant, id limit $1
     ), placed as (
       select w.tenant, w.id, coalesce(h.seq, 0) + row_number() over (partition by w.tenant order by w.id) as seq
       from waiting w left join audit_head h on h.tenant = w.tenant
     ), stored as (
       update audit_event a set seq = p.seq from placed p where a.tenant = p.tenant and a.id = p.id
     ), moved as (
       insert into audit_head as h (tenant, seq)
       select tenant, max(seq) from placed group by tenant
       on conflict (tenant) do update set seq = excluded.seq
     )
     select count(*)::int as rows from placed`,
    [batchSize],
  );
  return row?.rows ?? 0;
}
