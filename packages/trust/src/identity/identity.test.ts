import { mintSystemPrincipal, userPrincipal } from '../access/principal.ts';
import { uuidv7 } from '@primum/base';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeOf, openTestTrust, type TestTrust } from '../testing/test-trust.ts';
import { openAuditEvent } from '../audit/audit.ts';
import { createIdentity, type Identity } from './identity.ts';
import type { SeededUser } from './seed-users.ts';
import type { SignIn } from './sign-in.ts';
import { createLimiter } from './limiter.ts';
import { lockMsAfter } from './lock-out.ts';
import { hashPassword, verifyPassword } from './password-hash.ts';
import { readablePassword } from './readable-password.ts';

const tenant = 1;
const minuteMs = 60_000;
let trust: TestTrust;
let identity: Identity;
let users: SeededUser[];
beforeAll(async () => {
  trust = await openTestTrust();
  identity = createIdentity(trust);
  users = await identity.seedUsers(tenant);
});
afterAll(() => trust.close());

const passwordOf = (username: string): string => users.find((user) => user.username === username)!.password;
const signIn = (username: string, password = passwordOf(username)): Promise<SignIn> => identity.signIn(tenant, username, password, { remote: '127.0.0.1' });
async function signedIn(username: string): Promise<{ token: string }> {
  const result = await signIn(username);
  if (result.kind !== 'signed-in') throw new Error(result.code);
  return result;
}
const told = (result: SignIn): string => (result.kind === 'refused' ? result.code : result.kind);

describe('passwords', () => {
  it('are argon2id in PHC form, salted', async () => {
    const [one, two] = [await hashPassword('lusab-babad'), await hashPassword('lusab-babad')];
    expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(one).not.toBe(two);
    expect([await verifyPassword('lusab-babad', one), await verifyPassword('lusab-babae', one)]).toEqual([true, false]);
  });

  it('verify a hash of the reference implementation (its test.c, argon2id, version 19)', async () => {
    const reference = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';
    expect([await verifyPassword('password', reference), await verifyPassword('Password', reference)]).toEqual([true, false]);
    await expect(verifyPassword('password', reference.replace('argon2id', 'argon2i'))).rejects.toMatchObject({ code: 'internal.bug' });
  });

  it('are readable and of 64 bits when made by us', () => {
    expect(readablePassword(() => Buffer.from('7f00000108cd7fff', 'hex'))).toMatch(/^([bdfghjklmnprstvz][aiou]){2}[bdfghjklmnprstvz](-([bdfghjklmnprstvz][aiou]){2}[bdfghjklmnprstvz]){3}$/);
    // The example of the proquint proposal: 127.0.0.1 is lusab-babad.
    expect(readablePassword(() => Buffer.from('7f0000017f000001', 'hex'))).toBe('lusab-babad-lusab-babad');
    expect(new Set(Array.from({ length: 1_000 }, () => readablePassword())).size).toBe(1_000);
  });
});

describe('users', () => {
  it('are seeded once, one of each role, with passwords that work', async () => {
    expect(users.map(({ role }) => role)).toEqual(['clinician', 'integration-engineer', 'data-scientist', 'ml-engineer', 'privacy-officer', 'security-officer', 'auditor']);
    expect(await identity.seedUsers(tenant)).toEqual([]);
    for (const { username, role } of users) expect(await signIn(username)).toMatchObject({ kind: 'signed-in', session: { username, role, tenant } });
  });

  it('store neither password nor token', async () => {
    const { token } = await signedIn('clinician');
    const [dump] = await trust.db.query<{ text: string }>('select (select json_agg(u)::text from app_user u) || (select json_agg(s)::text from session s) as text');
    for (const secret of [token, Buffer.from(token, 'base64url').toString('hex'), ...users.map(({ password }) => password)]) expect(dump!.text).not.toContain(secret);
  });

  it('get a new password from the command line, which ends their sessions', async () => {
    const { token } = await signedIn('ml');
    const { password } = await identity.resetPassword(tenant, 'ML', mintSystemPrincipal('cli:root'));
    expect(await identity.session(tenant, token)).toBeNull();
    expect(told(await signIn('ml'))).toBe('auth.failed');
    expect(told(await signIn('ml', password))).toBe('signed-in');
    users.find(({ username }) => username === 'ml')!.password = password;
    expect(await codeOf(() => identity.resetPassword(tenant, 'nobody', mintSystemPrincipal('cli:root')))).toBe('auth.user-missing');
    expect(await codeOf(() => identity.resetPassword(tenant, 'ml', userPrincipal({ userId: uuidv7(), username: 'clinician', role: 'clinician' })))).toBe('auth.forbidden');
  });
});

describe('sessions', () => {
  it('are found by their token alone, and end at sign-out', async () => {
    const { token } = await signedIn('clinician');
    expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(await identity.session(tenant, token)).toMatchObject({ username: 'clinician', role: 'clinician' });
    for (const wrong of ['', 'x', `${token}x`, token.slice(0, 42), Buffer.alloc(32).toString('base64url')]) expect(await identity.session(tenant, wrong)).toBeNull();
    await identity.signOut(tenant, token);
    expect(await identity.session(tenant, token)).toBeNull();
    await identity.signOut(tenant, token);
  });

  it('end after half an hour without use, and after eight hours of it', async () => {
    const idle = await signedIn('clinician');
    trust.clock.advanceMs(29 * minuteMs);
    expect(await identity.session(tenant, idle.token)).not.toBeNull();
    trust.clock.advanceMs(29 * minuteMs);
    expect(await identity.session(tenant, idle.token)).not.toBeNull();
    trust.clock.advanceMs(31 * minuteMs);
    expect(await identity.session(tenant, idle.token)).toBeNull();

    const busy = await signedIn('clinician');
    for (let quarter = 0; quarter < 31; quarter += 1) {
      trust.clock.advanceMs(15 * minuteMs);
      expect(await identity.session(tenant, busy.token), `after ${quarter + 1} quarters`).not.toBeNull();
    }
    trust.clock.advanceMs(15 * minuteMs);
    expect(await identity.session(tenant, busy.token)).toBeNull();
  });

  it('are at most twenty for one person', async () => {
    const first = await signedIn('data');
    const [user] = await trust.db.query<{ id: string }>("select id from app_user where username = 'data'");
    trust.clock.advanceMs(1);
    for (let n = 0; n < 20; n += 1) {
      trust.clock.advanceMs(1);
      await signedIn('data');
    }
    expect(await trust.db.query('select 1 from session where user_id = $1', [user!.id])).toHaveLength(20);
    expect(await identity.session(tenant, first.token)).toBeNull();
  });
});

describe('locking', () => {
  it('takes five failures in a row, and doubles', () => {
    expect([1, 4, 5, 6, 7, 30].map((failures) => lockMsAfter(failures) / minuteMs)).toEqual([0, 0, 15, 30, 60, 24 * 60]);
  });

  it.each(['privacy', 'nobody-by-this-name'])('keeps %s out, right password or not, until its time', async (username) => {
    for (let n = 0; n < 5; n += 1) expect(told(await signIn(username, 'wrong'))).toBe('auth.failed');
    expect(await signIn(username, 'wrong')).toMatchObject({ code: 'auth.locked', retryAfterMs: 15 * minuteMs });
    const right = users.some((user) => user.username === username) ? passwordOf(username) : 'right';
    expect(told(await signIn(username, right))).toBe('auth.locked');
    trust.clock.advanceMs(15 * minuteMs);
    expect(told(await signIn(username, 'wrong'))).toBe('auth.failed');
    expect(await signIn(username, 'wrong')).toMatchObject({ code: 'auth.locked', retryAfterMs: 30 * minuteMs });
    trust.clock.advanceMs(30 * minuteMs);
  });

  it('forgets the failures once the password was right', async () => {
    for (let n = 0; n < 4; n += 1) await signIn('auditor', 'wrong');
    expect(told(await signIn('auditor'))).toBe('signed-in');
    for (let n = 0; n < 4; n += 1) expect(told(await signIn('auditor', 'wrong'))).toBe('auth.failed');
    expect(told(await signIn('auditor'))).toBe('signed-in');
  });

  it('is not outrun by guessing in parallel', async () => {
    const results = await Promise.all(Array.from({ length: 20 }, () => signIn('integration', 'wrong')));
    expect(results.filter((result) => told(result) === 'auth.failed').length).toBeLessThanOrEqual(6);
    expect(told(await signIn('integration'))).toBe('auth.locked');
  });
});

describe('the limiter', () => {
  it('runs two at once, lets so many wait, and refuses the rest', async () => {
    const inTurn = createLimiter({ running: 2, waiting: 3 });
    let running = 0;
    let most = 0;
    const results = await Promise.all(Array.from({ length: 8 }, (_, n) => inTurn(async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, 2));
      running -= 1;
      if (n === 0) throw new Error('one failed');
      return 'ran';
    }).catch(() => 'failed')));
    expect(most).toBe(2);
    expect(results).toEqual(['failed', 'ran', 'ran', 'ran', 'ran', 'refused', 'refused', 'refused']);
    expect(await inTurn(async () => 'again')).toBe('again');
  });
});

describe('sign-ins on the audit log', () => {
  it('are all there, and an unknown name is nowhere in clear', async () => {
    const typed = `hunter2-${uuidv7()}`;
    trust.clock.advanceMs(24 * 60 * minuteMs);
    const [before] = await trust.db.query<{ id: string }>('select max(id::text) as id from audit_event');
    await signIn(typed, 'wrong');
    await signIn('clinician', 'wrong');
    const { token } = await signedIn('clinician');
    await identity.signOut(tenant, token);
    const rows = await trust.db.query<{ id: string; actor: string; action: string; outcome: string; sealed: Buffer }>(
      'select id, actor, action, outcome, sealed from audit_event where id > $1 order by ctid', [before!.id],
    );
    expect(rows.map(({ actor, action, outcome }) => `${action} ${outcome} ${actor}`)).toEqual([
      'sign-in minor-failure unknown', 'sign-in minor-failure user:clinician', 'sign-in success user:clinician', 'sign-out success user:clinician',
    ]);
    for (const { id, sealed } of rows) {
      const text = JSON.stringify((await openAuditEvent(trust.keys, tenant, id, sealed)).event);
      expect(text).not.toContain(typed);
      expect(text).toContain('110114');
    }
  });

  it('refuses absurd input without work', async () => {
    expect(told(await signIn('x'.repeat(1_000), 'x'))).toBe('auth.failed');
    expect(told(await signIn('clinician', 'x'.repeat(10_000)))).toBe('auth.failed');
  });
});
