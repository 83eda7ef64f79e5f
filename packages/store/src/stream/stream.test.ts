import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLog, silentLog, uuidv7 } from '@primum/base';
import { openDb, type Db } from '../database/open-db.ts';
import { createTestDatabase } from '../testing/index.ts';
import { runConsumer, type Handle } from './consumer.ts';
import { writeOutbox } from './outbox.ts';
import { streamHead, type StreamEvent } from './read.ts';
import { createSequencer, type Sequencer } from './sequencer.ts';
import { tailStream } from './tail.ts';
import { dropConsumer, trimOutbox } from './trim.ts';

const tenant = 1;
let test: Awaited<ReturnType<typeof createTestDatabase>>;
let db: Db;

beforeAll(async () => {
  test = await createTestDatabase();
  db = test.db;
  await db.query('create table effect (n int primary key, by text)');
});
afterAll(() => test.drop());
beforeEach(async () => {
  await db.query('truncate outbox, stream_event, consumer_offset, effect; update stream_head set seq = 0');
});

async function announce(...numbers: number[]): Promise<void> {
  await db.transaction((tx) => writeOutbox(tx, numbers.map((n) => ({ tenant, topic: 'test', payload: { n } }))));
}

const numberOf = (event: StreamEvent): number => (event.payload as { n: number }).n; // what announce() writes

async function until(condition: () => boolean | Promise<boolean>, what: string, limitMs = 8_000): Promise<void> {
  const end = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not in time: ${what}`);
    await sleep(5);
  }
}

/** A consumer that keeps what it saw. */
function collect(sequencer: Sequencer, name = 'collector', topics = ['test']): { seen: StreamEvent[]; stop(): Promise<void> } {
  const abort = new AbortController();
  const seen: StreamEvent[] = [];
  const done = runConsumer({ db, sequencer, log: silentLog }, { tenant, name, topics, signal: abort.signal }, async (_tx, events) => () => seen.push(...events));
  return { seen, stop: async () => { abort.abort(); await done; } };
}

describe('the stream', () => {
  it('numbers densely, in order, and hands each event over within milliseconds of a kick', async () => {
    const sequencer = createSequencer({ db, log: silentLog });
    const consumer = collect(sequencer);
    await until(() => sequencer.leads(), 'lease');
    for (let n = 0; n < 30; n += 1) {
      await announce(n);
      sequencer.kick();
      await until(() => consumer.seen.length === n + 1, `event ${n}`);
    }
    expect(consumer.seen.map(numberOf)).toEqual([...Array(30).keys()]);
    expect(consumer.seen.map(({ seq }) => seq)).toEqual([...Array(30).keys()].map((n) => n + 1));
    expect(await streamHead(db, tenant)).toBe(30);
    expect(await db.query('select 1 from outbox')).toEqual([]);
    await consumer.stop();
    await sequencer.close();
  });

  it('neither skips a late committer nor waits for it', async () => {
    const sequencer = createSequencer({ db, log: silentLog });
    const consumer = collect(sequencer);
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => { release = resolve; });
    let wrote = (): void => undefined;
    const written = new Promise<void>((resolve) => { wrote = resolve; });
    // Draws the lowest ids, commits last: also after more ids than a pass's window holds.
    const late = db.transaction(async (tx) => {
      await writeOutbox(tx, [{ tenant, topic: 'test', payload: { n: -1 } }, { tenant, topic: 'test', payload: { n: -2 } }]);
      wrote();
      await released;
    });
    await written;
    await announce(1, 2, 3);
    sequencer.kick();
    await until(() => consumer.seen.length === 3, 'the others, while the late one is open');
    await announce(...Array(2_500).keys());
    sequencer.kick();
    await until(() => consumer.seen.length === 2_503, 'many more');
    release();
    await late;
    sequencer.kick();
    await until(() => consumer.seen.length === 2_505, 'the late committer');
    expect(consumer.seen.slice(-2).map(numberOf)).toEqual([-1, -2]);
    expect(consumer.seen.map(({ seq }) => seq)).toEqual([...Array(2_505).keys()].map((n) => n + 1));
    await consumer.stop();
    await sequencer.close();
  });

  it('does not stall on a stranger\'s transaction, in this database or in another', async () => {
    const other = await createTestDatabase();
    const sequencer = createSequencer({ db, log: silentLog });
    const consumer = collect(sequencer);
    await until(() => sequencer.leads(), 'lease');
    await other.db.transaction(async (strangerElsewhere) => {
      await strangerElsewhere.query('create table held (a int)');
      await db.transaction(async (strangerHere) => {
        await strangerHere.query('insert into effect values (-9)');
        for (let n = 0; n < 20; n += 1) {
          await announce(n);
          sequencer.kick();
          await until(() => consumer.seen.length === n + 1, 'an event beside the strangers', 1_000);
        }
        expect(consumer.seen.map(numberOf)).toEqual([...Array(20).keys()]);
      });
    });
    await consumer.stop();
    await sequencer.close();
    await other.drop();
  });

  it('has one sequencer at a time, and the next one when it is gone', async () => {
    const second = await openDb({ url: test.url, applicationName: 'second' });
    const a = createSequencer({ db, log: silentLog }, { leaseRetryMs: 20, pollMs: 20 });
    await until(() => a.leads(), 'the first lease');
    const b = createSequencer({ db: second, log: silentLog }, { leaseRetryMs: 20, pollMs: 20 });
    await sleep(150);
    expect([a.leads(), b.leads()]).toEqual([true, false]);
    // The leader's connection is cut, as by a crash, while events keep coming.
    const cut = (async () => {
      for (let n = 0; n < 10; n += 1) {
        await announce(n);
        if (n === 4) await db.query("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted");
        await sleep(10);
      }
    })();
    await cut;
    await until(async () => (await streamHead(db, tenant)) === 10, 'everything numbered');
    await a.close();
    await until(() => b.leads(), 'the second lease');
    await announce(10);
    await until(async () => (await streamHead(db, tenant)) === 11, 'numbered by the second');
    await b.close();
    await second.close();
    expect(await db.query('select seq, (payload->>$1)::int as n from stream_event order by seq', ['n'])).toEqual(
      [...Array(11).keys()].map((n) => ({ seq: n + 1, n })));
  });

  it('numbers tenants apart, and one that has no head yet', async () => {
    await db.query("insert into tenant values (2, 'two', 'Two') on conflict do nothing");
    const sequencer = createSequencer({ db, log: silentLog }, { pollMs: 20 });
    await db.transaction((tx) => writeOutbox(tx, [1, 2, 1, 2, 2].map((t, n) => ({ tenant: t, topic: 'test', payload: { n } }))));
    await until(async () => (await streamHead(db, 2)) === 3, 'tenant 2');
    expect(await db.query('select tenant, seq, payload from stream_event order by tenant, seq')).toEqual([
      { tenant: 1, seq: 1, payload: { n: 0 } }, { tenant: 1, seq: 2, payload: { n: 2 } },
      { tenant: 2, seq: 1, payload: { n: 1 } }, { tenant: 2, seq: 2, payload: { n: 3 } }, { tenant: 2, seq: 3, payload: { n: 4 } },
    ]);
    await sequencer.close();
    await db.query('delete from stream_event where tenant = 2; delete from stream_head where tenant = 2');
  });

  it('is not numbered where its transaction rolled back', async () => {
    const sequencer = createSequencer({ db, log: silentLog }, { pollMs: 20 });
    await expect(db.transaction(async (tx) => {
      await writeOutbox(tx, [{ tenant, topic: 'test', payload: { n: 1 } }]);
      throw new Error('no');
    })).rejects.toThrow('no');
    await announce(2);
    await until(async () => (await streamHead(db, tenant)) > 0, 'the one that stayed');
    expect(await db.query('select seq, payload from stream_event')).toEqual([{ seq: 1, payload: { n: 2 } }]);
    await sequencer.close();
  });
});

describe('a consumer', () => {
  const insertEffect: Handle = async (tx, events) => {
    await tx.query('insert into effect select * from unnest($1::int[], $2::text[])', [events.map(numberOf), events.map(() => 'x')]);
  };

  it('has each effect exactly once, killed again and again between effect and commit', async () => {
    const sequencer = createSequencer({ db, log: silentLog }, { pollMs: 20 });
    const total = 300;
    const killed = { times: 0 };
    const stop = new AbortController();
    const consumers = ['left', 'right'].map((application) => (async () => {
      const own = await openDb({ url: test.url, applicationName: application, max: 2 });
      await runConsumer({ db: own, sequencer, log: silentLog }, { tenant, name: 'effects', topics: ['test'], batchSize: 7, pollMs: 20, longestPauseMs: 20, signal: stop.signal }, async (tx, events) => {
        await insertEffect(tx, events);
        if (killed.times < 25 && events.length > 1) {
          killed.times += 1;
          const [row] = await tx.query<{ pid: number }>('select pg_backend_pid() as pid');
          await db.query('select pg_terminate_backend($1)', [row?.pid]);
          await sleep(2);
        }
      });
      await own.close();
    })());
    for (let n = 0; n < total; n += 10) await announce(...Array.from({ length: 10 }, (_, i) => n + i));
    await until(async () => (await db.query<{ n: number }>('select count(*)::int as n from effect'))[0]?.n === total, 'all effects', 20_000);
    stop.abort();
    await Promise.all(consumers);
    await sequencer.close();
    expect(killed.times).toBe(25); // the primary key of `effect` would have refused a second effect for ever
    expect(await db.query('select seq from consumer_offset')).toEqual([{ seq: total }]);
  });

  it('holds at an event that fails, after those before it, says so, and goes on once it can', async () => {
    const sequencer = createSequencer({ db, log: silentLog }, { pollMs: 20 });
    const lines: string[] = [];
    const log = createLog((line) => lines.push(line), 'error');
    const stop = new AbortController();
    let poisoned = true;
    await announce(...Array(20).keys());
    const done = runConsumer({ db, sequencer, log }, { tenant, name: 'effects', topics: ['test'], batchSize: 16, longestPauseMs: 20, signal: stop.signal }, async (tx, events) => {
      await insertEffect(tx, events);
      if (poisoned && events.some((event) => numberOf(event) === 11)) throw new Error('a value of a patient');
    });
    await until(async () => (await db.query('select 1 from effect')).length === 11, 'those before it');
    await until(() => lines.length >= 8, 'reports');
    expect(await db.query('select max(n) as n from effect')).toEqual([{ n: 10 }]);
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ event: 'consumer.failed', consumer: 'effects', seq: 12 });
    expect(lines.join()).not.toContain('a value of a patient');
    poisoned = false;
    await until(async () => (await db.query('select 1 from effect')).length === 20, 'the rest');
    stop.abort();
    await done;
    await sequencer.close();
  });

  it('reads only its topics, and an idle one keeps up so that trimming can go on', async () => {
    const sequencer = createSequencer({ db, log: silentLog }, { pollMs: 20 });
    const idle = collect(sequencer, 'idle', ['rare']);
    for (let k = 0; k < 6; k += 1) await announce(...Array(1_000).keys());
    await until(async () => (await streamHead(db, tenant)) === 6_000, 'numbered');
    // It moves in strides of 5,000 at least: where it looked in the middle of the numbering, it stands at what was there.
    await until(async () => (await db.query("select 1 from consumer_offset where consumer = 'idle' and seq >= 5000")).length === 1, 'kept up');
    await db.transaction((tx) => writeOutbox(tx, [{ tenant, topic: 'rare', key: uuidv7(), payload: { n: 7 } }]));
    sequencer.kick();
    await until(() => idle.seen.length === 1, 'the rare one');
    expect(idle.seen[0]).toMatchObject({ tenant, seq: 6_001, topic: 'rare', payload: { n: 7 } });
    await idle.stop();

    await db.query("insert into consumer_offset values (1, 'behind', 100)");
    expect(await trimOutbox(db, { keepMs: 60_000 })).toBe(0);
    expect(await trimOutbox(db, { keepMs: -1 })).toBe(100);
    await dropConsumer(db, { tenant, name: 'behind' });
    expect(await trimOutbox(db, { keepMs: -1 })).toBe(5_901);
    await sequencer.close();
  });

  it('starts from now where it is told to', async () => {
    const sequencer = createSequencer({ db, log: silentLog }, { pollMs: 20 });
    await announce(1, 2);
    await until(async () => (await streamHead(db, tenant)) === 2, 'numbered');
    const stop = new AbortController();
    const seen: number[] = [];
    const done = runConsumer({ db, sequencer, log: silentLog }, { tenant, name: 'fresh', topics: ['test'], from: 'now', signal: stop.signal }, async (_tx, events) => () => seen.push(...events.map(numberOf)));
    await until(async () => (await db.query('select 1 from consumer_offset')).length === 1, 'offset');
    await announce(3);
    sequencer.kick();
    await until(() => seen.length === 1, 'the new one');
    expect(seen).toEqual([3]);
    stop.abort();
    await done;
    await sequencer.close();
  });
});

describe('tailStream', () => {
  it('gives what comes after a number, also to a reader in a process without the sequencer', async () => {
    const sequencer = createSequencer({ db, log: silentLog }, { pollMs: 20 });
    await announce(1, 2, 3);
    await until(async () => (await streamHead(db, tenant)) === 3, 'numbered');
    const stop = new AbortController();
    const seen: number[] = [];
    const reading = (async () => {
      for await (const events of tailStream({ db }, { tenant, topics: ['test'], afterSeq: 1, signal: stop.signal, pollMs: 10, batchSize: 1 })) seen.push(...events.map(numberOf));
    })();
    await announce(4);
    await until(() => seen.length === 3, 'two old ones and a new one');
    expect(seen).toEqual([2, 3, 4]);
    stop.abort();
    await reading;
    await sequencer.close();
  });
});

describe('audit leaves', () => {
  it('are numbered after their commit', async () => {
    const sequencer = createSequencer({ db, log: silentLog }, { pollMs: 20, auditEveryMs: 20 });
    const [columns] = await db.query<{ n: number }>("select count(*)::int as n from information_schema.columns where table_name = 'audit_event' and column_name = 'seq'");
    expect(columns).toEqual({ n: 1 });
    const ids = [uuidv7(1), uuidv7(2)];
    for (const id of ids) {
      await db.query(
        "insert into audit_event (tenant, id, recorded_at, actor, action, outcome, purpose, leaf, sealed) values (1, $1, now(), 'a', 'phi.read', 'success', 'treatment', '', '')",
        [id],
      );
    }
    await until(async () => (await db.query('select 1 from audit_event where seq is null')).length === 0, 'numbered');
    expect(await db.query('select id, seq from audit_event order by seq')).toEqual([{ id: ids[0], seq: 1 }, { id: ids[1], seq: 2 }]);
    await sequencer.close();
  });
});
