import { afterAll, beforeAll, expect, it } from 'vitest';
import { measureRevocation } from '../apps/primum/src/identity/measure-revocation.ts';
import { bootForTest, type Booted } from './support/booted.ts';

let primum: Booted;
beforeAll(async () => { primum = await bootForTest(); });
afterAll(async () => { await primum[Symbol.asyncDispose](); });

it('a revoked session is refused, and its event stream cut, within a second', async () => {
  const worst = await measureRevocation({ core: primum.core, url: primum.url }, 3);
  console.log(`revocation, worst of ${worst.rounds}: ${Object.entries(worst).slice(1).map(([name, ms]) => `${name} ${ms.toFixed(0)}`).join(', ')}`);
  for (const ms of [worst.requestMs, worst.streamMs, worst.fromOutsideRequestMs, worst.fromOutsideStreamMs]) expect(ms).toBeLessThan(1_000);
  expect(await primum.core.db.query('select 1 as one from app_user where username like \'revocation%\'')).toEqual([]);
});
