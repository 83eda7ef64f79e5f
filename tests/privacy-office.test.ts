import { setTimeout as sleep } from 'node:timers/promises';
import { Account, PatientLine, ReviewDetail, ReviewItem, ReviewQueue, shapeErrors, type Role } from '@primum/contract';
import { openEmergencyAccess, userPrincipal } from '@primum/trust';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { admission, type BenchPatient } from '../bench/support/ward-messages.ts';
import { tenant } from '../apps/primum/src/core.ts';
import { ask, bootForTest, signIn, type Answer, type Booted } from './support/booted.ts';
import { admittedAt } from './support/ill-patient.ts';

/** From a look on a page to the office's verdict and the account for the patient, on the assembled system. */
const patients: readonly BenchPatient[] = ['PO1', 'PO2', 'PO3'].map((mrn) => ({ mrn, visit: `${mrn}V`, bed: mrn, admittedAt }));
let primum: Booted;
let idOf: Map<string, { patient: string; stay: string }>;
const tokenOf = new Map<Role, string>();

const get = (role: Role, path: string): Promise<Answer> => ask(primum.httpPort, { path, token: tokenOf.get(role) });
const post = (role: Role, path: string, body: unknown): Promise<Answer> => ask(primum.httpPort, { method: 'POST', path, body, token: tokenOf.get(role) });
async function until<T>(read: () => Promise<T | undefined>): Promise<T> {
  for (let i = 0; i < 100; i += 1) {
    const found = await read();
    if (found !== undefined) return found;
    await sleep(100);
  }
  throw new Error('did not happen in time');
}

beforeAll(async () => {
  primum = await bootForTest();
  await primum.send(...patients.map((patient) => admission(patient, `PO-${patient.mrn}`)));
  const rows = await primum.core.db.query<{ bed: string; patient: string; stay: string }>('select bed, patient_id as patient, id as stay from stay', []);
  idOf = new Map(rows.map(({ bed, patient, stay }) => [bed, { patient, stay }]));
  for (const role of ['clinician', 'privacy-officer', 'auditor'] as const) {
    const { username, password } = primum.seeded.find((user) => user.role === role)!; // every role is seeded
    tokenOf.set(role, await signIn(primum, username, password));
  }
});
afterAll(async () => { await primum[Symbol.asyncDispose](); });

describe('the privacy office', () => {
  it('finds a look at one\'s own record on its queue, and decides', async () => {
    const { patient, stay } = idOf.get('PO1')!; // admitted above
    await primum.core.db.query(
      `insert into staff_patient (tenant, user_id, identifier_token) select $1, u.id, i.token from app_user u, patient_identifier i
       where u.tenant = $1 and u.username = 'clinician' and i.tenant = $1 and i.patient_id = $2 limit 1`, [tenant, patient]);
    expect((await get('clinician', `/api/stays/${stay}`)).status).toBe(200);
    expect((await get('clinician', `/api/stays/${idOf.get('PO2')!.stay}`)).status).toBe(200);

    // All that this sender sends are called Bench, so a second look is one at a namesake: by surnames read out of sealed resources.
    const items = await until(async () => {
      const { items: found } = (await get('privacy-officer', '/api/reviews')).body as ReviewQueue;
      return found.length === 2 ? found : undefined;
    });
    expect(items.map(({ kind, patientId }) => [kind, patientId])).toEqual([['own-record', patient], ['same-surname', idOf.get('PO2')!.patient]]);
    const item = items[0]!; // of two
    expect(item).toMatchObject({ kind: 'own-record', actor: 'user:clinician', patientId: patient, status: 'open', overdue: false });
    const queue = await get('privacy-officer', '/api/reviews');
    expect(shapeErrors(ReviewQueue, queue.body)).toEqual([]);
    expect(queue.body).toMatchObject({ open: 2, overdue: 0 });
    expect(queue.text).not.toContain('PO1');

    const opened = await get('privacy-officer', `/api/reviews/${item.id}`);
    expect(shapeErrors(ReviewDetail, opened.body)).toEqual([]);
    expect(opened.body).toMatchObject({ patient: { mrn: 'PO1' }, events: [{ action: 'patient.read' }], note: null });
    const decided = await post('privacy-officer', `/api/reviews/${item.id}/verdict`, { verdict: 'justified', note: 'Was shown at the bedside', version: item.version });
    expect(shapeErrors(ReviewItem, decided.body)).toEqual([]);
    expect(decided.body).toMatchObject({ status: 'justified', decidedBy: 'user:privacy' });
    expect((await post('privacy-officer', `/api/reviews/${item.id}/verdict`, { verdict: 'violation', note: 'again', version: item.version })).status).toBe(409);
    expect((await get('privacy-officer', '/api/reviews?which=decided')).body).toMatchObject({ items: [{ id: item.id }] });
    expect((await get('clinician', `/api/reviews/${item.id}`)).status).toBe(403);
  });

  it('shows an emergency access with its reason and what was read under it', async () => {
    const { patient, stay } = idOf.get('PO3')!; // admitted above
    const [user] = await primum.core.db.query<{ id: string }>('select id from app_user where username = \'clinician\'', []);
    await primum.core.db.query('delete from care_assignment where tenant = $1', [tenant]);
    try {
      await openEmergencyAccess(primum.core, userPrincipal({ userId: user!.id, username: 'clinician', role: 'clinician' }), { tenant, patientId: patient, reason: 'Arrest call on the stairs' });
      tokenOf.set('clinician', await signIn(primum, 'clinician', primum.seeded.find(({ role }) => role === 'clinician')!.password)); // seeded
      expect((await get('clinician', `/api/stays/${stay}`)).status).toBe(200);
      const { items } = (await get('privacy-officer', '/api/reviews')).body as ReviewQueue;
      const item = items.find(({ kind }) => kind === 'emergency-access');
      const opened = await get('privacy-officer', `/api/reviews/${item!.id}`);
      expect(shapeErrors(ReviewDetail, opened.body)).toEqual([]);
      expect(opened.body).toMatchObject({ reason: 'Arrest call on the stairs', patient: { mrn: 'PO3' } });
      const { events } = opened.body as ReviewDetail;
      expect(events).toContainEqual(expect.objectContaining({ action: 'patient.read', purpose: 'BTG' }));
      expect(events).toContainEqual(expect.objectContaining({ action: 'emergency.opened' }));
    } finally {
      await primum.core.db.query('insert into care_assignment (tenant, subject, unit) values ($1, $2, \'*\') on conflict do nothing', [tenant, `user:${user!.id}`]);
    }
  });

  it('says who saw a patient, found by number, to officers with the name and to auditors without', async () => {
    const found = await post('privacy-officer', '/api/disclosures/patient', { mrn: ' PO2 ' });
    expect(shapeErrors(Type.Array(PatientLine), found.body)).toEqual([]);
    expect(found.body).toMatchObject([{ patientId: idOf.get('PO2')!.patient, mrn: 'PO2' }]);
    expect((await post('auditor', '/api/disclosures/patient', { mrn: 'PO2' })).body).toEqual([{ patientId: idOf.get('PO2')!.patient, name: null, birthDate: null, mrn: null }]);
    expect((await post('auditor', '/api/disclosures/patient', { mrn: 'NOBODY' })).body).toEqual([]);

    const path = `/api/patients/${idOf.get('PO2')!.patient}/disclosures`;
    const account = await get('auditor', path);
    expect(shapeErrors(Account, account.body)).toEqual([]);
    expect((account.body as Account).entries).toContainEqual(expect.objectContaining({ who: 'Clinician', role: 'clinician', action: 'patient.read', purpose: 'TREAT', times: 1 }));
    expect((await get('auditor', `${path}?kind=disclosures`)).status).toBe(403);
    expect((await get('privacy-officer', `${path}?kind=disclosures`)).body).toMatchObject({ entries: [], patient: { mrn: 'PO2' } });
    expect((await get('auditor', `/api/patients/${crypto.randomUUID()}/disclosures`)).status).toBe(404);
  });

  it('gives the account as a page and as CSV, with nothing that runs', async () => {
    const { patient } = idOf.get('PO3')!; // admitted above
    const path = `/api/patients/${patient}/disclosures`;
    await primum.core.audit.write(primum.core.db, [{
      tenant, action: 'patient.read', outcome: 'success', purpose: 'HRESCH', patientId: patient, at: new Date(),
      principal: { kind: 'client', clientId: '=cmd|<script>alert(1)</script>', scopes: [], purposes: [] },
    }]);
    const csv = await get('privacy-officer', `${path}?kind=disclosures&format=csv`);
    expect(csv.headers['content-type']).toContain('text/csv');
    const [header, row] = csv.text.split('\r\n');
    expect(header).toBe('first,last,times,who,role,as logged,what,action,purpose,purpose code,outcome');
    expect(row).toContain('\'=cmd|');
    const page = await get('privacy-officer', `${path}?format=html`);
    expect(page.headers['content-type']).toContain('text/html');
    expect(page.text).toContain('Who saw this record');
    expect(page.text).not.toContain('<script');
  });
});
