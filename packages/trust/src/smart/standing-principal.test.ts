import { uuidv7 } from '@primum/base';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openTestTrust, type TestTrust } from '../testing/test-trust.ts';
import { standingPrincipal, type StandingOwner } from './standing-principal.ts';

const tenant = 1;
const [person, patient] = [uuidv7(), uuidv7()];
let trust: TestTrust;
const standing = (owner: StandingOwner) => standingPrincipal(trust.db, trust, tenant, owner);

beforeAll(async () => { trust = await openTestTrust(); });
afterAll(() => trust.close());
beforeEach(async () => {
  const { db } = trust;
  for (const table of ['oidc_grant', 'client', 'app_user']) await db.query(`delete from ${table}`);
  await db.query(`insert into client (tenant, id, name, kind, redirect_uris, scopes, purposes, created_at) values (1, 'board', 'Board', 'service', '{}', '{system/*.rs}', '{TREAT}', now()), (1, 'app', 'App', 'app', '{}', '{patient/*.rs}', '{}', now())`);
  await db.query(`insert into app_user (tenant, id, username, display_name, role, password_hash) values (1, $1, 'nina', 'Nina', 'clinician', 'x')`, [person]);
  await db.query(`insert into oidc_grant (tenant, id, grant_digest, client_id, user_id, scopes, mfa, patient_id, created_at, expires_at) values (1, $1, '\\x01', 'app', $2, '{patient/Observation.rs,patient/Patient.rs}', true, $3, $4, $5)`,
    [uuidv7(), person, patient, trust.clock.now(), new Date(trust.clock.now().getTime() + 3_600_000)]);
});

describe('who began something that goes on', () => {
  const board: StandingOwner = { clientId: 'board', userId: null, patientId: null, scopes: ['system/Observation.rs'], since: new Date('2026-03-01T08:00:00Z') };
  const app: StandingOwner = { clientId: 'app', userId: person, patientId: patient, scopes: ['patient/Observation.rs', 'patient/Condition.rs'], since: new Date('2026-03-01T08:00:00Z') };

  it('is a service account with the scopes of then, until it is disabled', async () => {
    expect(await standing(board)).toEqual({ kind: 'client', clientId: 'board', scopes: ['system/Observation.rs'], purposes: ['TREAT'] });
    await trust.db.query('update client set disabled_at = now()');
    expect(await standing(board)).toBe(null);
  });

  it('is a person through an app, for the patient and the scopes that are still allowed', async () => {
    expect(await standing(app)).toMatchObject({ kind: 'user', username: 'nina', mfa: true, via: { clientId: 'app', patientId: patient, scopes: ['patient/Observation.rs'] } });
    expect(await standing({ ...app, patientId: null })).toBe(null);
  });

  it.each([
    ['the grant is withdrawn', 'delete from oidc_grant'], ['the person is disabled', 'update app_user set disabled = true'],
    ['their sessions were ended', 'update app_user set valid_from = \'2026-03-01T09:00:00Z\''], ['the app is disabled', 'update client set disabled_at = now()'],
    ['the grant is over', 'update oidc_grant set expires_at = \'2026-03-01T08:00:00Z\''],
  ])('is nobody once %s', async (_what, statement) => {
    await trust.db.query(statement);
    expect(await standing(app)).toBe(null);
  });
});
