import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { mintSystemPrincipal } from '../access/principal.ts';
import { softAuthenticator } from '../testing/soft-authenticator.ts';
import { openTestTrust, type TestTrust } from '../testing/test-trust.ts';
import { createIdentity, type Identity } from './identity.ts';
import type { Session } from './sessions.ts';

const tenant = 1;
const client = { remote: '127.0.0.1' };
const rp = { id: 'localhost', origin: 'http://localhost:8420' };
const admin = mintSystemPrincipal('cli:test');
/** How much later than the attack the reset begins. */
const offsetsMs = [-60, -50, -40, -30, -20, -10, 0, 10, 20, 30];
let trust: TestTrust;
let identity: Identity;
let id: string;
let username: string;

beforeAll(async () => {
  trust = await openTestTrust();
  identity = createIdentity(trust, { mode: 'demonstration' });
  ({ username } = (await identity.seedUsers(tenant)).find(({ role }) => role === 'auditor')!); // every role is seeded
  id = await identity.userIdOf(tenant, username);
});
afterAll(() => trust.close());

/** A new password that its owner knows, and a session of it. */
async function signedIn(): Promise<{ password: string; token: string; session: Session }> {
  const { password } = await identity.resetPassword(tenant, username, admin);
  await trust.db.query('update app_user set must_change_password = false where id = $1', [id]);
  const result = await identity.signIn(tenant, username, password, client);
  if (result.kind !== 'signed-in') throw new Error(result.code);
  return { password, token: result.token, session: result.session };
}
/** Each attack beside a reset that begins at another moment each time; what is wrong afterwards, at any of them. */
async function beside<T>(attack: (held: Awaited<ReturnType<typeof signedIn>>) => Promise<T>, reset: () => Promise<unknown>, survives: (got: T | undefined) => Promise<boolean>): Promise<number[]> {
  const survivedAt: number[] = [];
  for (const offsetMs of offsetsMs) {
    const held = await signedIn();
    const [got] = await Promise.all([sleep(Math.max(0, -offsetMs)).then(() => attack(held)).catch(() => undefined), sleep(Math.max(0, offsetMs)).then(reset)]);
    if (await survives(got)) survivedAt.push(offsetMs);
  }
  return survivedAt;
}

it('a sign-in that a reset overtakes leaves no session of the old password', async () => {
  expect(await beside(
    ({ password }) => identity.signIn(tenant, username, password, client),
    () => identity.resetPassword(tenant, username, admin),
    async (got) => got?.kind === 'signed-in' && await identity.session(tenant, got.token) !== null,
  )).toEqual([]);
});

it('a password that is being changed does not outlive a reset', async () => {
  const next = 'blue ladder seven otters';
  expect(await beside(
    ({ session, token, password }) => identity.changePassword(session, token, { current: password, next }, client),
    () => identity.resetPassword(tenant, username, admin),
    async () => (await identity.signIn(tenant, username, next, client)).kind === 'signed-in',
  )).toEqual([]);
});

it('a passkey that is being added does not outlive a reset of factors', async () => {
  expect(await beside(
    async ({ session, token }) => {
      const { challenge } = await identity.passkeyRegistration(session, rp) as { challenge: string }; // WebAuthn's options have one
      return identity.addPasskey(session, token, rp, softAuthenticator().register({ challenge, origin: rp.origin, rpId: rp.id }), client);
    },
    () => identity.resetFactors(tenant, admin, id),
    async () => (await trust.db.query('select 1 as left from passkey where user_id = $1', [id])).length > 0,
  )).toEqual([]);
});
