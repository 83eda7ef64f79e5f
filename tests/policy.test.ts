import { randomUUID } from 'node:crypto';
import type { EmergencyAccess, ErrorCode, LocatedPatient, PolicyPage, ReviewDetail, ReviewQueue, Role, StayPage, Worklist } from '@primum/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BenchPatient } from '../bench/support/ward-messages.ts';
import { ask, bootForTest, signIn, type Asked, type Booted } from './support/booted.ts';
import { admittedAt, illPatient } from './support/ill-patient.ts';

const patient: BenchPatient = { mrn: 'POL1', visit: 'POLV1', bed: 'P1', admittedAt };
let primum: Booted;
let stayId: string;
let patientId: string;
const tokens = new Map<Role, string>();

beforeAll(async () => {
  primum = await bootForTest();
  await primum.send(...illPatient(patient));
  const [row] = await primum.core.db.query<{ id: string; patient_id: string }>('select id, patient_id from stay', []);
  ({ id: stayId, patient_id: patientId } = row!); // sent just before
  for (const role of ['clinician', 'data-scientist', 'privacy-officer'] as const) {
    const { username, password } = primum.seeded.find((user) => user.role === role)!; // every role is seeded
    tokens.set(role, await signIn(primum, username, password));
  }
});
afterAll(() => primum[Symbol.asyncDispose]());

const as = (role: Role, asked: Asked) => ask(primum.httpPort, { ...asked, token: tokens.get(role) });
/** The clinician works on these units from now on: whoever is signed in hears of it within the time that a session is kept. */
async function workOn(...units: string[]): Promise<void> {
  const { db } = primum.core;
  const [clinician] = await db.query<{ id: string }>("select id from app_user where role = 'clinician'", []);
  await db.query('delete from care_assignment where subject = $1', [`user:${clinician!.id}`]);
  for (const unit of units) await db.query('insert into care_assignment (tenant, subject, unit) values (1, $1, $2)', [`user:${clinician!.id}`, unit]);
  await new Promise((resolve) => setTimeout(resolve, 700));
}
const lastAudit = async (action: string) => (await primum.core.db.query<{ actor: string; outcome: string; purpose: string; patient_id: string }>(
  'select actor, outcome, purpose, patient_id from audit_event where action = $1 order by id desc limit 1', [action]))[0];
const worklist = async (): Promise<string[]> => ((await as('clinician', { path: '/api/worklist?site=bench' })).body as Worklist).rows.map((row) => row.stayId);

describe('a care relationship', () => {
  it('is a unit that treats the patient: by the site, by the ward, by everything; the list and the page say the same', async () => {
    const [{ ward } = { ward: '' }] = await primum.core.db.query<{ ward: string }>('select ward from stay', []);
    for (const [units, sees] of [[['*'], true], [['bench'], true], [[`bench/${ward}`], true], [['bench/OTHER'], false], [[], false]] as const) {
      await workOn(...units);
      expect(await worklist()).toEqual(sees ? [stayId] : []);
      const page = await as('clinician', { path: `/api/stays/${stayId}` });
      expect({ units, status: page.status }).toEqual({ units, status: sees ? 200 : 403 });
      if (!sees) expect(page.body).toMatchObject({ code: 'auth.no-care-relationship' });
    }
    expect(await lastAudit('patient.read')).toMatchObject({ outcome: 'minor-failure', purpose: 'TREAT', patient_id: patientId });
  });

  it('is needed for alerts and FHIR too', async () => {
    await workOn();
    const [alert] = await primum.core.db.query<{ id: string; version: number }>('select id, version from alert limit 1', []);
    const answers = await Promise.all([
      as('clinician', { method: 'POST', path: `/api/alerts/${alert!.id}/acknowledge`, body: { as: 'assessing', version: alert!.version } }),
      as('clinician', { path: `/api/fhir/Patient/${patientId}` }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([403, 403]);
    expect((await as('clinician', { path: '/api/notices' })).body).toEqual([]);
  });
});

describe('an emergency access', () => {
  it('is offered to who finds the patient by number, and needs a reason', async () => {
    await workOn();
    const found = await as('clinician', { method: 'POST', path: '/api/patients/find', body: { mrn: patient.mrn } });
    expect(found.body as LocatedPatient[]).toEqual([{ patientId, stayId, access: 'emergency' }]);
    expect((await as('clinician', { method: 'POST', path: '/api/patients/find', body: { mrn: 'nobody' } })).body).toEqual([]);
    for (const reason of ['short', '          ', '']) expect((await as('clinician', { method: 'POST', path: '/api/emergency-access', body: { stayId, reason } })).status).toBe(400);
    expect((await as('clinician', { method: 'POST', path: '/api/emergency-access', body: { reason: 'long enough, but for whom' } })).status).toBe(400);
    expect((await as('clinician', { method: 'POST', path: '/api/emergency-access', body: { patientId: randomUUID(), reason: 'nobody has this id' } })).status).toBe(404);
  });

  it('opens one patient for an hour, is on the log as BTG with all that is read, and on the privacy office\'s queue', async () => {
    const reason = 'Collapsed in the corridor, Zzyzx needs help';
    const opened = await as('clinician', { method: 'POST', path: '/api/emergency-access', body: { stayId, reason } });
    expect(opened.status).toBe(200);
    const access = opened.body as EmergencyAccess;
    expect(Date.parse(access.until) - Date.parse(access.openedAt)).toBe(3_600_000);
    expect((await as('clinician', { method: 'POST', path: '/api/emergency-access', body: { patientId, reason } })).body).toEqual(access);
    expect((await as('clinician', { path: '/api/emergency-access' })).body).toEqual([access]);

    const page = await as('clinician', { path: `/api/stays/${stayId}` });
    expect((page.body as StayPage).patientId).toBe(patientId);
    expect(await lastAudit('patient.read')).toMatchObject({ outcome: 'success', purpose: 'BTG' });
    expect(await worklist()).toEqual([stayId]);
    expect((await as('data-scientist', { path: `/api/stays/${stayId}` })).status).toBe(403);
    expect(await lastAudit('emergency.opened')).toMatchObject({ actor: 'user:clinician', outcome: 'success', purpose: 'BTG', patient_id: patientId });

    const queue = (await as('privacy-officer', { path: '/api/reviews' })).body as ReviewQueue;
    const [item] = queue.items.filter(({ kind }) => kind === 'emergency-access');
    expect(item).toMatchObject({ actor: 'user:clinician', status: 'open' });
    const detail = (await as('privacy-officer', { path: `/api/reviews/${item!.id}` })).body as ReviewDetail;
    expect(detail.reason).toBe(reason);
    expect(detail.events.map(({ action, purpose }) => `${action} ${purpose}`)).toContain('patient.read BTG');
    const [{ clear } = { clear: true }] = await primum.core.db.query<{ clear: boolean }>("select exists (select from emergency_access where encode(sealed_reason, 'escape') like '%Zzyzx%') as clear", []);
    expect(clear).toBe(false);
  });

  it('ends when its person says so, or by the clock', async () => {
    const [access] = (await as('clinician', { path: '/api/emergency-access' })).body as EmergencyAccess[];
    expect((await as('clinician', { method: 'DELETE', path: `/api/emergency-access/${access!.id}` })).status).toBe(200);
    expect((await as('clinician', { path: `/api/stays/${stayId}` })).body).toMatchObject({ code: 'auth.no-care-relationship' });
    await as('clinician', { method: 'POST', path: '/api/emergency-access', body: { stayId, reason: 'and once more, please' } });
    expect((await as('clinician', { path: `/api/stays/${stayId}` })).status).toBe(200);
    await primum.core.db.query("update emergency_access set until = now() - interval '1 second'", []);
    expect((await as('clinician', { path: `/api/stays/${stayId}` })).status).toBe(403);
    await workOn('*');
  });
});

describe('a purpose', () => {
  const outcome = (code: ErrorCode): object => ({ resourceType: 'OperationOutcome', issue: [{ details: { coding: [{ system: 'urn:primum:error', code }] } }] });
  const fhir = (role: Role, purpose: string, more: Record<string, string> = {}, type = 'Patient', id = patientId) =>
    as(role, { path: `/api/fhir/${type}/${id}`, headers: { 'x-purpose-of-use': purpose, ...more } });

  it('is claimed by who may, and a word that is none is an error', async () => {
    expect((await fhir('clinician', 'FUN')).body).toMatchObject(outcome('api.request-invalid'));
    expect((await fhir('clinician', 'TREAT')).status).toBe(200);
    expect((await fhir('clinician', 'HRESCH')).status).toBe(403);
    expect((await fhir('data-scientist', 'TREAT')).status).toBe(403);
    expect((await fhir('privacy-officer', 'PUBHLTH')).status).toBe(403);
  });

  it('of research shows pseudonyms, the same within a project and others in another, and none of what names anybody', async () => {
    const whole = (await fhir('clinician', 'TREAT')).text;
    expect(whole).toContain(patient.mrn);
    expect((await fhir('data-scientist', 'HRESCH', { 'x-research-project': 'alpha' })).status).toBe(403); // not one of theirs
    await primum.core.db.query("insert into user_group (tenant, user_id, group_name) select 1, id, g from app_user, unnest(array['alpha', 'beta']) g where role = 'data-scientist'", []);
    await new Promise((resolve) => setTimeout(resolve, 500));
    const answers = await Promise.all(['alpha', 'alpha', 'beta'].map((project) => fhir('data-scientist', 'HRESCH', { 'x-research-project': project })));
    const ids = answers.map(({ body }) => (body as { id: string }).id);
    expect(ids[0]).toBe(ids[1]);
    expect(new Set([...ids, patientId]).size).toBe(3);
    for (const { text, headers } of answers) {
      expect(text).not.toContain(patient.mrn);
      expect(text).not.toContain(patientId);
      expect(Object.keys(JSON.parse(text) as object)).not.toContain('name');
      expect(headers['last-modified']).toBeUndefined();
    }
    expect(await lastAudit('resource.read')).toMatchObject({ purpose: 'HRESCH' });
    const [observation] = await primum.core.db.query<{ id: string }>("select id from resource where type = 'Observation' limit 1", []);
    const seen = (await fhir('data-scientist', 'HRESCH', { 'x-research-project': 'alpha' }, 'Observation', observation!.id)).body as { subject: { reference: string } };
    expect(seen.subject.reference).toBe(`Patient/${ids[0]}`);
    const [provenance] = await primum.core.db.query<{ id: string }>("select id from resource where type = 'Provenance' limit 1", []);
    expect((await fhir('data-scientist', 'HRESCH', {}, 'Provenance', provenance!.id)).body).toMatchObject(outcome('policy.view-missing'));
    expect((await fhir('data-scientist', 'HRESCH', { 'x-research-project': '../x' })).status).toBe(400);
  });

  it('of research ends with an objection, any but treatment with a restriction', async () => {
    await primum.core.db.query('update patient set research_opt_out = true', []);
    expect((await fhir('data-scientist', 'HRESCH')).status).toBe(403);
    await primum.core.db.query('update patient set research_opt_out = false, restricted = true', []);
    expect((await fhir('data-scientist', 'HRESCH')).status).toBe(403);
    expect((await fhir('clinician', 'TREAT')).status).toBe(200);
    const [prediction] = await primum.core.db.query<{ id: string }>('select id from prediction limit 1', []);
    expect((await as('clinician', { method: 'POST', path: `/api/predictions/${prediction!.id}/replay` })).status).toBe(403);
    await primum.core.db.query('update patient set restricted = false', []);
    expect((await fhir('data-scientist', 'HRESCH')).status).toBe(200);
  });
});

describe('the page of policies', () => {
  it('decides now, and names the policies', async () => {
    const page = (await as('privacy-officer', { path: '/api/policy?purpose=TREAT&patient=treated' })).body as PolicyPage;
    const column = page.principals.indexOf('clinician');
    const row = page.rows.find(({ authority }) => authority === 'patient.read');
    expect(row!.decisions[column]).toEqual({ allowed: true, by: ['clinician-treats'] });
    expect(page.policies.map(({ id }) => id)).toContain('clinician-treats');
    expect(page.policies.find(({ id }) => id === 'restricted')!.comment).toContain('GDPR Article 18');
  });
});
