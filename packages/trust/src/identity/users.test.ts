import type { Role } from '@primum/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mintSystemPrincipal, userPrincipal, type UserPrincipal } from '../access/principal.ts';
import { openAuditEvent } from '../audit/audit.ts';
import { entitiesOf } from '../audit/audit-event.ts';
import { codeOf, openTestTrust, type TestTrust } from '../testing/test-trust.ts';
import { createIdentity, type Identity } from './identity.ts';
import type { Session } from './sessions.ts';

const tenant = 1;
const root = mintSystemPrincipal('cli:root');
let trust: TestTrust;
let identity: Identity;
let passwords: Map<string, string>;
let officer: UserPrincipal;
beforeAll(async () => {
  trust = await openTestTrust();
  identity = createIdentity(trust);
  passwords = new Map((await identity.seedUsers(tenant)).map(({ username, password }) => [username, password]));
  officer = userPrincipal({ userId: await identity.userIdOf(tenant, 'security'), username: 'security', role: 'security-officer' });
});
afterAll(() => trust.close());

async function signIn(username: string, password = passwords.get(username) ?? ''): Promise<{ token: string; session: Session }> {
  const result = await identity.signIn(tenant, username, password, {});
  if (result.kind === 'refused') throw new Error(result.code);
  return result;
}
let made = 0;
async function person(role: Role = 'clinician'): Promise<{ id: string; username: string; password: string }> {
  made += 1;
  return identity.createUser(tenant, officer, { username: `Person${made}`, displayName: 'A Person', role, units: ['north/icu'], groups: ['night'] });
}
async function lastEntities(action: string): Promise<Record<string, string>> {
  const [row] = await trust.db.query<{ id: string; sealed: Buffer }>('select id, sealed from audit_event where action = $1 order by ctid desc limit 1', [action]);
  const { event } = await openAuditEvent(trust.keys, tenant, row!.id, row!.sealed);
  return Object.fromEntries(entitiesOf(event).map(({ type, id }) => [type, id]));
}

describe('administration', () => {
  it('makes people with a password to be changed, groups and units, as a session shows them', async () => {
    const { username, password } = await person();
    await identity.setGroupUnits(tenant, officer, 'night', ['north/ward-2']);
    const { session } = await signIn(username, password);
    expect(session).toMatchObject({ username: username.toLowerCase(), groups: ['night'], careUnits: ['north/icu', 'north/ward-2'], state: 'password-change' });
    expect(await codeOf(() => identity.createUser(tenant, officer, { username, displayName: 'Again', role: 'auditor' }))).toBe('auth.user-exists');
  });

  it('is for who may, and never for one\'s own rights', async () => {
    const { id } = await person();
    const clinician = userPrincipal({ userId: await identity.userIdOf(tenant, 'clinician'), username: 'clinician', role: 'clinician' });
    const attempts = (by: UserPrincipal) => [
      () => identity.users(tenant, by), () => identity.createUser(tenant, by, { username: 'xx', displayName: 'x', role: 'auditor' }), () => identity.changeUser(tenant, by, id, { disabled: true }),
      () => identity.resetPasswordOf(tenant, by, id), () => identity.resetFactors(tenant, by, id), () => identity.unlockUser(tenant, by, id), () => identity.endSessions(tenant, by, id),
      () => identity.linkOwnRecord(tenant, by, id, null), () => identity.setGroupUnits(tenant, by, 'night', []),
    ];
    for (const attempt of attempts(clinician)) expect(await codeOf(attempt)).toBe('auth.forbidden');
    for (const change of [{ role: 'clinician' as const }, { disabled: true }, { groups: [] }, { units: ['*'] }]) {
      expect(await codeOf(() => identity.changeUser(tenant, officer, officer.userId, change))).toBe('auth.own-account');
    }
    expect(await codeOf(() => identity.resetFactors(tenant, officer, officer.userId))).toBe('auth.own-account');
  });

  it('keeps a security officer, also where two go at once', async () => {
    expect(await codeOf(() => identity.changeUser(tenant, root, officer.userId, { disabled: true }))).toBe('auth.last-security-officer');
    expect(await codeOf(() => identity.changeUser(tenant, root, officer.userId, { role: 'auditor' }))).toBe('auth.last-security-officer');
    const second = await person('security-officer');
    const results = await Promise.all([officer.userId, second.id].map((id) => codeOf(() => identity.changeUser(tenant, root, id, { disabled: true }))));
    expect(results.filter((code) => code !== 'no error').length).toBeGreaterThan(0);
    const { users } = await identity.users(tenant, root);
    expect(users.filter(({ role, disabled }) => role === 'security-officer' && !disabled)).toHaveLength(1);
    for (const id of [officer.userId, second.id]) await identity.changeUser(tenant, root, id, { disabled: false });
  });

  it('says on the log what was before and after', async () => {
    const { id } = await person();
    await identity.changeUser(tenant, officer, id, { role: 'auditor', groups: [], units: ['*'] });
    expect(await lastEntities('user.changed')).toEqual({ user: id, 'role-before': 'clinician', 'role-after': 'auditor', 'groups-before': 'night', 'units-before': 'north/icu', 'units-after': '*' });
  });

  it('links a person to their own record by token', async () => {
    const { id } = await person();
    await identity.linkOwnRecord(tenant, officer, id, Buffer.alloc(32, 7));
    expect((await identity.users(tenant, officer)).users.find((user) => user.id === id)?.ownRecord).toBe(true);
    expect(await lastEntities('user.own-record')).toEqual({ user: id, 'own-record-before': 'false', 'own-record-after': 'true' });
  });
});

describe('what ends at once', () => {
  const cases: [string, (id: string, token: string, session: Session) => Promise<unknown>][] = [
    ['a disabled account', (id) => identity.changeUser(tenant, officer, id, { disabled: true })],
    ['a new role', (id) => identity.changeUser(tenant, officer, id, { role: 'auditor' })],
    ['a reset password', (id) => identity.resetPasswordOf(tenant, officer, id)],
    ['reset factors', (id) => identity.resetFactors(tenant, officer, id)],
    ['sessions ended by an officer', (id) => identity.endSessions(tenant, officer, id)],
    ['a sign-out', (_id, token) => identity.signOut(tenant, token)],
    ['a session ended by its owner', (_id, _token, session) => identity.endOwnSession(session, session.id)],
  ];
  it.each(cases)('the session after %s', async (_what, act) => {
    const { id, username, password } = await person();
    const { token, session } = await signIn(username, password);
    expect(await identity.session(tenant, token)).not.toBeNull();
    await act(id, token, session);
    expect(await identity.session(tenant, token)).toBeNull();
    expect(await identity.liveTokens(tenant, [token])).toEqual(new Set());
  });

  it('and within half a second where another process did it; groups and units follow as fast', async () => {
    const { id, username, password } = await person();
    const { token } = await signIn(username, password);
    const other = createIdentity(trust); // as another process: a cache of its own
    expect((await identity.session(tenant, token))?.groups).toEqual(['night']);
    await other.changeUser(tenant, officer, id, { groups: ['day'] });
    const from = performance.now();
    await expect.poll(async () => (await identity.session(tenant, token))?.groups, { interval: 20, timeout: 2_000 }).toEqual(['day']);
    await other.changeUser(tenant, officer, id, { disabled: true });
    await expect.poll(() => identity.session(tenant, token), { interval: 20, timeout: 2_000 }).toBeNull();
    expect(performance.now() - from).toBeLessThan(1_500);
  });

  it('and what was issued before is void', async () => {
    const { id } = await person();
    const before = (await identity.personNow(tenant, id))!.validFrom;
    trust.clock.advanceMs(1_000);
    await identity.resetPasswordOf(tenant, officer, id);
    expect((await identity.personNow(tenant, id))!.validFrom.getTime()).toBeGreaterThan(before.getTime());
    await identity.changeUser(tenant, officer, id, { disabled: true });
    expect(await identity.personNow(tenant, id)).toBeNull();
  });
});
