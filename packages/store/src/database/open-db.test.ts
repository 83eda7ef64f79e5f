import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase } from '../testing/index.ts';
import { sqlState } from './errors.ts';
import { openDb, type Db } from './open-db.ts';

let test: Awaited<ReturnType<typeof createTestDatabase>>;
let db: Db;
beforeAll(async () => {
  test = await createTestDatabase({ max: 4 });
  db = test.db;
  await db.query('create table thing (n bigint primary key, at timestamptz, bytes bytea, doc jsonb, day date)');
});
afterAll(() => test.drop());

const count = async (): Promise<number> => (await db.query('select 1 from thing')).length;

describe('a query', () => {
  it('gives numbers, dates, bytes and documents as they went in', async () => {
    const at = new Date('2026-02-03T04:05:06.789Z');
    const bytes = Buffer.from([0, 255, 1, 92, 39]);
    await db.query('insert into thing values ($1, $2, $3, $4, $5)', [2 ** 53 - 1, at, bytes, { a: [1, null] }, '2026-02-03']);
    expect(await db.query('select * from thing')).toEqual([{ n: 2 ** 53 - 1, at, bytes, doc: { a: [1, null] }, day: '2026-02-03' }]);
    expect(await db.query('select array_agg(n) as ns, array[$1::bytea] as bs, array[1::bigint, null] as holes from thing', [bytes])).toEqual([{ ns: [2 ** 53 - 1], bs: [bytes], holes: [1, null] }]);
    expect(await db.query('select * from unnest($1::bytea[], $2::timestamptz[], $3::bigint[]) as t(b, at, n)', [[bytes], [at], [7]])).toEqual([{ b: bytes, at, n: 7 }]);
    await db.query('delete from thing');
  });

  it('does not round a bigint that is too large for a number', async () => {
    await expect(db.query('select 9007199254740993::bigint as n')).rejects.toMatchObject({ code: 'internal.bug' });
    expect(await db.query('select 1 as fine')).toEqual([{ fine: 1 }]);
  });

  it('names what went wrong without a value', async () => {
    const error = await db.query("insert into thing (n, day) values (1, 'secret')").catch((caught: unknown) => caught);
    expect(sqlState(error)).toBe('22007');
    expect(JSON.stringify([String(error), error])).not.toContain('secret');
    await expect(openDb({ url: test.url.replace(/@.*\//, '@%2Fnowhere/') })).rejects.toMatchObject({ code: 'store.unreachable' });
  });

  it('ends at its time limit', async () => {
    const hasty = await openDb({ url: test.url, statementTimeoutMs: 50 });
    await expect(hasty.query('select pg_sleep(5)')).rejects.toMatchObject({ code: 'store.timeout' });
    await hasty.close();
  });

  it('may lose its connection just as it is handed on: that ends no process', async () => {
    await using stack = new AsyncDisposableStack();
    const [one, other] = [await openDb({ url: test.url, max: 1 }), await openDb({ url: test.url, max: 1 })];
    stack.defer(() => one.close());
    stack.defer(() => other.close());
    for (let round = 0; round < 5; round += 1) {
      const [row] = await one.query<{ pid: number }>('select pg_backend_pid() as pid');
      const first = one.query('select 1 as n');
      const next = one.transaction((tx) => tx.query('select 2 as n')).catch((error: unknown) => error);
      const ended = other.query('select pg_terminate_backend($1) from pg_sleep(0.02)', [row?.pid]);
      await sleep(1); // all three are on their way; while nothing is read here, the answer and the end come together
      for (const until = performance.now() + 80; performance.now() < until;);
      expect(await first).toEqual([{ n: 1 }]);
      await ended;
      // Lost or not, it is told.
      const outcome = await next;
      if (outcome instanceof Error) expect(outcome).toMatchObject({ code: 'store.unreachable' });
      else expect(outcome).toEqual([{ n: 2 }]);
      await one.query('select 3').catch(() => undefined); // may meet the end itself
      expect(await one.query('select 4 as n')).toEqual([{ n: 4 }]);
    }
  });
});

describe('a transaction', () => {
  it('is all or nothing', async () => {
    await expect(db.transaction(async (tx) => {
      await tx.query('insert into thing (n) values ($1)', [1]);
      throw new Error('no');
    })).rejects.toThrow('no');
    expect(await count()).toBe(0);
    expect(await db.transaction(async (tx) => {
      await tx.query('insert into thing (n) values ($1)', [1]);
      return 'done';
    })).toBe('done');
    expect(await count()).toBe(1);
    await db.query('delete from thing');
  });

  it('sends queries that do not wait for each other together, in order, and reports what they report', async () => {
    const [, , rows] = await db.transaction((tx) => Promise.all([
      tx.query('insert into thing (n) values ($1)', [1]),
      tx.query('insert into thing (n) values ($1)', [2]),
      tx.query('select n from thing order by n', []),
    ]));
    expect(rows).toEqual([{ n: 1 }, { n: 2 }]);
    await db.query('delete from thing');
  });

  it('does not pass for committed when a failure in it was swallowed', async () => {
    await expect(db.transaction(async (tx) => {
      await tx.query('insert into thing (n) values (1)');
      await tx.query('select 1 / 0').catch(() => undefined);
    })).rejects.toMatchObject({ code: 'internal.bug' });
    expect(await count()).toBe(0);
  });

  it('can\'t be used after its end', async () => {
    const kept = await db.transaction(async (tx) => tx);
    expect(() => kept.query('select 1')).toThrowError(/after its end/);
  });

  it('sees one moment under repeatable read', async () => {
    const seen = await db.transaction(async (tx) => {
      await tx.query('select 1 from thing');
      await db.query('insert into thing (n) values (5)');
      return tx.query('select n from thing');
    }, { isolation: 'repeatable read' });
    expect(seen).toEqual([]);
    await db.query('delete from thing');
  });

  it('ends at once when its signal fires in mid-query, holding nothing', async () => {
    const abort = new AbortController();
    const began = performance.now();
    const slow = db.transaction(async (tx) => {
      await tx.query('insert into thing (n) values (1)');
      await tx.query('select pg_sleep(20)');
    }, { signal: abort.signal });
    setTimeout(() => abort.abort(new Error('enough')), 50);
    await expect(slow).rejects.toThrow('enough');
    expect(performance.now() - began).toBeLessThan(2_000);
    for (const end = performance.now() + 5_000; performance.now() < end; await sleep(50)) {
      if ((await db.query("select 1 from pg_stat_activity where datname = current_database() and query like '%pg_sleep(20)%' and pid <> pg_backend_pid()")).length === 0) break;
    }
    expect(performance.now() - began).toBeLessThan(5_000);
    expect(await count()).toBe(0);
  });

  it('says so when its connection is cut', async () => {
    await expect(db.transaction(async (tx) => {
      const [row] = await tx.query<{ pid: number }>('select pg_backend_pid() as pid');
      await db.query('select pg_terminate_backend($1)', [row?.pid]);
      await tx.query('select 1');
    })).rejects.toMatchObject({ code: 'store.unreachable' });
    expect(await db.query('select 1 as fine')).toEqual([{ fine: 1 }]);
  });
});

describe('a session', () => {
  it('tells when it is lost', async () => {
    const session = await db.session();
    const [row] = await session.query<{ pid: number }>('select pg_backend_pid() as pid');
    const lost = new Promise((resolve) => session.lost.addEventListener('abort', resolve));
    await db.query('select pg_terminate_backend($1)', [row?.pid]);
    await lost;
    await expect(session.query('select 1')).rejects.toMatchObject({ code: 'store.unreachable' });
    await session.close();
  });
});
