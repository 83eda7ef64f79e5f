import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase } from '../testing/index.ts';
import { openDb, type Db } from './open-db.ts';

let db: Db;
let drop: () => Promise<void>;
beforeAll(async () => {
  const database = await createTestDatabase();
  drop = async () => { await database.drop(); };
  db = await openDb({ url: database.url, max: 2, applicationName: 'point-test' });
});
afterAll(async () => {
  await db.close();
  await drop();
});

const ask = (n: number): Promise<{ n: number; pid: number }[]> => db.query('select $1::int as n, pg_backend_pid() as pid', [n], { point: true });

it('answers each caller its own, over two connections beside the pool', async () => {
  const answers = await Promise.all(Array.from({ length: 200 }, (_, n) => ask(n)));
  expect(answers.map(([row]) => row!.n)).toEqual(Array.from({ length: 200 }, (_, n) => n));
  await ask(1);
  await ask(2);
  const [row] = await db.query<{ n: number }>("select count(*) as n from pg_stat_activity where application_name = 'point-test'", []);
  expect(row!.n).toBeLessThanOrEqual(4);
});

it('lets one that fails fail alone, and takes a new connection where one was cut', async () => {
  const results = await Promise.allSettled([ask(1), db.query('select 1 / $1::int', [0], { point: true }), ask(2)]);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  await db.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'point-test' and pid <> pg_backend_pid()", []);
  let answered = 0;
  for (let tries = 0; tries < 50 && answered < 4; tries += 1) {
    answered = await ask(tries).then(() => answered + 1, () => 0);
    await new Promise((resolve) => { setTimeout(resolve, 20); });
  }
  expect(answered).toBe(4);
});
