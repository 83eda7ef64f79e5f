import type { FactorRequest } from '@primum/contract';
import { Secret, TOTP } from 'otpauth';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeOf, openTestTrust, type TestTrust } from '../testing/test-trust.ts';
import { softAuthenticator } from '../testing/soft-authenticator.ts';
import { createIdentity, type Identity } from './identity.ts';
import type { SeededUser } from './seed-users.ts';
import type { SignIn } from './sign-in.ts';
import type { Session } from './sessions.ts';

const tenant = 1;
const client = { remote: '127.0.0.1', browser: 'test' };
const rp = { id: 'localhost', origin: 'http://localhost:8420' };
const ownPassword = 'blue ladder seven otters';
type SignedIn = { token: string; session: Session };

let trust: TestTrust;
let identity: Identity;
let seeded: SeededUser[];
beforeAll(async () => {
  trust = await openTestTrust();
  identity = createIdentity(trust, { mode: 'production' });
  seeded = await identity.seedUsers(tenant);
});
afterAll(() => trust.close());

const told = (result: SignIn): string => (result.kind === 'refused' ? result.code : result.session.state);
function good(result: SignIn): SignedIn {
  if (result.kind !== 'signed-in') throw new Error(result.code);
  return result;
}
const signIn = (username: string, password: string): Promise<SignIn> => identity.signIn(tenant, username, password, client);
const give = ({ session, token }: SignedIn, factor: FactorRequest): Promise<SignIn> => identity.giveFactor(session, token, factor, rp, client);
const codeNow = (secret: string): string => new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: trust.clock.now().getTime() });
const nextCode = (): void => trust.clock.advanceMs(30_000);
const audited = async (action: string): Promise<number> => (await trust.db.query('select 1 as one from audit_event where action = $1', [action])).length;

/** From a new user's one-time password to a full session with an authenticator app. */
async function enrolled(username: string, password: string): Promise<SignedIn & { secret: string; recoveryCodes: string[] }> {
  const begun = good(await signIn(username, password));
  const changed = good(await identity.changePassword(begun.session, begun.token, { current: password, next: ownPassword }, client));
  const { secret } = await identity.beginTotp(changed.session);
  const added = await identity.confirmTotp(changed.session, changed.token, codeNow(secret), client);
  return { ...added, secret, recoveryCodes: added.recoveryCodes ?? [] };
}

let officer: SignedIn & { secret: string; recoveryCodes: string[] };
let made = 0;
async function person(role: 'clinician' | 'security-officer' = 'clinician'): Promise<SignedIn & { secret: string; recoveryCodes: string[]; username: string }> {
  made += 1;
  const by = { kind: 'user' as const, userId: officer.session.userId, username: officer.session.username, role: officer.session.role, mfa: true, groups: [], careUnits: [] };
  const { username, password } = await identity.createUser(tenant, by, { username: `person${made}`, displayName: 'A Person', role });
  return { ...await enrolled(username, password), username };
}

describe('a production home', () => {
  it('begins with a security officer alone, and leads from the one-time password to a factor', async () => {
    expect(seeded.map(({ role }) => role)).toEqual(['security-officer']);
    const { username, password } = seeded[0]!;
    const begun = good(await signIn(username, password));
    expect(begun.session).toMatchObject({ state: 'password-change', mfa: false });
    expect(await codeOf(() => identity.changePassword(begun.session, begun.token, { current: password, next: 'Security2026!' }, client))).toBe('auth.password-refused');
    expect(await codeOf(() => identity.changePassword(begun.session, begun.token, { current: password, next: password }, client))).toBe('auth.password-refused');
    expect(told(await identity.changePassword(begun.session, begun.token, { current: 'wrong', next: ownPassword }, client))).toBe('auth.failed');
    officer = await enrolled(username, password);
    expect(officer.session).toMatchObject({ state: 'full', mfa: true });
    expect(officer.recoveryCodes).toHaveLength(10);
    expect(await identity.session(tenant, begun.token)).toBeNull(); // each step gave a new token
  });

  it('asks for the factor from then on; the password alone opens nothing', async () => {
    nextCode();
    const begun = good(await signIn('security', ownPassword));
    expect(begun.session.state).toBe('second-factor');
    expect(told(await give(begun, { code: '000000' }))).toBe('auth.factor-failed');
    expect(told(await give(begun, { password: ownPassword }))).toBe('auth.factor-failed');
    const full = good(await give(begun, { code: codeNow(officer.secret) }));
    expect(full.session).toMatchObject({ state: 'full', mfa: true, id: begun.session.id });
    expect(await identity.session(tenant, begun.token)).toBeNull();
    officer = { ...officer, ...full };
  });

  it('leaves ten minutes for what is due', async () => {
    const begun = good(await signIn('security', ownPassword));
    trust.clock.advanceMs(11 * 60_000);
    expect(await identity.session(tenant, begun.token)).toBeNull();
  });
});

describe('codes', () => {
  it('are taken once, and those of a step before or after', async () => {
    const one = await person();
    nextCode();
    const code = codeNow(one.secret);
    expect(told(await give(good(await signIn(one.username, ownPassword)), { code }))).toBe('full');
    expect(told(await give(good(await signIn(one.username, ownPassword)), { code }))).toBe('auth.factor-failed');
    trust.clock.advanceMs(60_000);
    const early = new TOTP({ secret: Secret.fromBase32(one.secret) }).generate({ timestamp: trust.clock.now().getTime() + 30_000 });
    expect(told(await give(good(await signIn(one.username, ownPassword)), { code: early }))).toBe('full');
    // An older one than the last that was taken, though its step is still in the window.
    expect(told(await give(good(await signIn(one.username, ownPassword)), { code: codeNow(one.secret) }))).toBe('auth.factor-failed');
  });

  it('of one moment open one session, however many come at once', async () => {
    const one = await person();
    nextCode();
    const begun = await Promise.all([1, 2, 3].map(async () => good(await signIn(one.username, ownPassword))));
    const results = await Promise.all(begun.map((each) => give(each, { code: codeNow(one.secret) })));
    expect(results.filter((result) => told(result) === 'full')).toHaveLength(1);
  });

  it('that are wrong lock as passwords do, and the right password does not clear the count', async () => {
    const one = await person();
    nextCode();
    for (let n = 0; n < 5; n += 1) expect(told(await give(good(await signIn(one.username, ownPassword)), { code: '000000' }))).toBe('auth.factor-failed');
    expect(told(await signIn(one.username, ownPassword))).toBe('auth.locked');
    trust.clock.advanceMs(16 * 60_000);
    expect(told(await give(good(await signIn(one.username, ownPassword)), { code: codeNow(one.secret) }))).toBe('full');
  });

  it('are those of RFC 6238, appendix B (SHA-1, cut to six digits)', () => {
    const secret = new Secret({ buffer: new TextEncoder().encode('12345678901234567890').buffer });
    for (const [seconds, code] of [[59, '287082'], [1_111_111_109, '081804'], [20_000_000_000, '353130']] as const) {
      expect(new TOTP({ secret, algorithm: 'SHA1', digits: 6, period: 30 }).generate({ timestamp: seconds * 1_000 })).toBe(code);
    }
  });
});

describe('recovery codes', () => {
  it('work once each, and are void when new ones are made', async () => {
    const one = await person();
    const [first, second, third] = one.recoveryCodes as [string, string, string];
    expect(told(await give(good(await signIn(one.username, ownPassword)), { recoveryCode: first.toUpperCase().replaceAll('-', ' ') }))).toBe('full');
    expect(told(await give(good(await signIn(one.username, ownPassword)), { recoveryCode: first }))).toBe('auth.factor-failed');
    const full = good(await give(good(await signIn(one.username, ownPassword)), { recoveryCode: second }));
    expect((await identity.account(full.session)).recoveryCodesLeft).toBe(8);
    const [fresh] = await identity.newRecoveryCodes(full.session);
    expect(told(await give(good(await signIn(one.username, ownPassword)), { recoveryCode: third }))).toBe('auth.factor-failed');
    expect(told(await give(good(await signIn(one.username, ownPassword)), { recoveryCode: fresh ?? '' }))).toBe('full');
  });
});

describe('passkeys', () => {
  const challengeOf = (options: Record<string, unknown>) => ({ challenge: String(options['challenge']), origin: rp.origin, rpId: rp.id });
  async function withPasskey(): Promise<SignedIn & { username: string; secret: string; key: ReturnType<typeof softAuthenticator> }> {
    const one = await person();
    const key = softAuthenticator();
    const options = await identity.passkeyRegistration(one.session, rp);
    const added = await identity.addPasskey(one.session, one.token, rp, key.register(challengeOf(options)), client);
    expect(added.recoveryCodes).toBeNull(); // they came with the app
    return { ...one, ...added, key };
  }

  it('sign in by themselves, and are a second factor', async () => {
    const { username, key } = await withPasskey();
    const alone = good(await identity.passkeySignIn(tenant, rp, key.assert(challengeOf(await identity.passkeyOptions(tenant, rp))), client));
    expect(alone.session).toMatchObject({ username, state: 'full', mfa: true });
    const begun = good(await signIn(username, ownPassword));
    const options = await identity.passkeyOptions(tenant, rp, begun.session);
    expect(options['allowCredentials']).toHaveLength(1);
    expect(told(await give(begun, { passkey: key.assert(challengeOf(options)) }))).toBe('full');
  });

  it('are refused again, elsewhere, unverified, with a counter that stands still, or for another session', async () => {
    const { username, key } = await withPasskey();
    const fresh = async () => challengeOf(await identity.passkeyOptions(tenant, rp));
    const tried = async (answer: ReturnType<typeof key.assert>): Promise<string> => told(await identity.passkeySignIn(tenant, rp, answer, client));
    const answer = key.assert(await fresh());
    expect(await tried(answer)).toBe('full');
    expect(await tried(answer)).toBe('auth.factor-failed');
    expect(await tried(key.assert({ ...await fresh(), origin: 'https://evil.example' }))).toBe('auth.factor-failed');
    expect(await tried(key.assert({ ...await fresh(), rpId: 'evil.example' }))).toBe('auth.factor-failed');
    expect(await tried(key.assert(await fresh(), { verified: false }))).toBe('auth.factor-failed');
    expect(await tried(key.assert(await fresh(), { counter: 1 }))).toBe('auth.factor-failed');
    expect(await tried(key.assert({ ...await fresh(), challenge: Buffer.alloc(56, 1).toString('base64url') }))).toBe('auth.factor-failed');
    expect(await tried(softAuthenticator().assert(await fresh()))).toBe('auth.factor-failed');
    const late = await fresh();
    trust.clock.advanceMs(4 * 60_000);
    expect(await tried(key.assert(late))).toBe('auth.factor-failed');
    const begun = good(await signIn(username, ownPassword));
    expect(told(await give(begun, { passkey: key.assert(await fresh()) }))).toBe('auth.factor-failed'); // a challenge for signing in, not of this session
    expect(await tried(key.assert(await fresh()))).toBe('full');
  });

  it('answer one registration only, in the session that asked', async () => {
    const [one, other] = [await person(), await person()];
    const ceremony = challengeOf(await identity.passkeyRegistration(one.session, rp));
    expect(await codeOf(() => identity.addPasskey(other.session, other.token, rp, softAuthenticator().register(ceremony), client))).toBe('auth.factor-failed');
    const added = await identity.addPasskey(one.session, one.token, rp, softAuthenticator().register(ceremony), client);
    expect(await codeOf(() => identity.addPasskey(added.session, added.token, rp, softAuthenticator().register(ceremony), client))).toBe('auth.factor-failed');
  });

  it('and apps can be taken away, but the last', async () => {
    const { session, token } = await withPasskey();
    await identity.removeTotp(session);
    const [passkey] = (await identity.account(session)).passkeys;
    expect(await codeOf(() => identity.removePasskey(session, passkey!.id))).toBe('auth.factor-conflict');
    expect(await identity.session(tenant, token)).not.toBeNull();
  });
});

describe('a fresh proof', () => {
  it('is of the last quarter of an hour, and a factor renews it', async () => {
    const one = await person();
    expect(identity.isFresh(one.session)).toBe(true);
    trust.clock.advanceMs(10 * 60_000);
    expect(await identity.session(tenant, one.token)).not.toBeNull();
    trust.clock.advanceMs(6 * 60_000);
    const session = await identity.session(tenant, one.token);
    expect(identity.isFresh(session!)).toBe(false);
    const proven = good(await give({ token: one.token, session: session! }, { code: codeNow(one.secret) }));
    expect(identity.isFresh(proven.session)).toBe(true);
    expect(await audited('session.confirmed')).toBeGreaterThan(0);
  });
});

describe('people of another issuer', () => {
  const external = { issuer: 'https://idp.example', subject: 'abc', username: 'eve@idp.example', displayName: 'Eve', role: 'clinician' as const, groups: ['icu'] };
  it('are made at their first sign-in, follow their claims, and must bring the factor', async () => {
    expect(await codeOf(() => identity.sessionForExternal(tenant, external, { mfa: false }, client))).toBe('auth.factor-failed');
    const first = await identity.sessionForExternal(tenant, external, { mfa: true }, client);
    expect(first.session).toMatchObject({ role: 'clinician', groups: ['icu'], state: 'full', mfa: true });
    const second = await identity.sessionForExternal(tenant, { ...external, role: 'auditor', groups: [] }, { mfa: true }, client);
    expect(second.session).toMatchObject({ userId: first.session.userId, role: 'auditor', groups: [] });
    expect(await identity.session(tenant, first.token)).toBeNull();
    expect(told(await signIn('eve@idp.example', 'anything at all'))).toBe('auth.failed');
    expect(await codeOf(() => identity.sessionForExternal(tenant, { ...external, subject: 'other' }, { mfa: true }, client))).toBe('auth.user-exists');
  });
});

it('secrets lie in no column in clear', async () => {
  const one = await person();
  const [dump] = await trust.db.query<{ text: string }>(
    'select concat((select json_agg(t) from totp_factor t), (select json_agg(r) from recovery_code r), (select json_agg(s) from session s), (select json_agg(e) from external_identity e)) as text');
  const secretHex = Buffer.from(Secret.fromBase32(one.secret).bytes).toString('hex');
  for (const secret of [one.secret, secretHex, ...one.recoveryCodes, one.token, '127.0.0.1', 'abc"']) expect(dump!.text).not.toContain(secret);
});
