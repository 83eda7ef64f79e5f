import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { purposes } from '@primum/contract';
import { Secret, TOTP } from 'otpauth';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BenchPatient } from '../../bench/support/ward-messages.ts';
import { ask, bootForTest, signIn, type Answer, type Asked, type Booted } from '../support/booted.ts';
import { admittedAt, illPatient, withdrawLast } from '../support/ill-patient.ts';

const patient: BenchPatient = { mrn: 'INS1', visit: 'INSV1', bed: 'I1', admittedAt };
const colleague: BenchPatient = { mrn: 'INS2', visit: 'INSV2', bed: 'I2', admittedAt };

type Ids = { stay: string; patient: string; alert: string; version: number; prediction: string; message: string; model: string; fact: string };
let primum: Booted;
let ids: Ids;
let other: string;
/** A clinician of another ward: signed in, with no care relationship to anybody who was sent. */
let insider: string;
let clinician: string;
let officer: string;

const calls = (token: string) => (asked: Asked): Promise<Answer> => ask(primum.httpPort, { ...asked, token });
const tokenOf = (role: string): Promise<string> => {
  const { username, password } = primum.seeded.find((user) => user.role === role)!; // every role is seeded
  return signIn(primum, username, password);
};

/** A new person, the one-time password changed; gives the full session's token and the password. */
async function newPerson(username: string, more: object): Promise<{ token: string; password: string; id: string }> {
  const made = await calls(officer)({ method: 'POST', path: '/api/users', body: { username, displayName: 'Made here', ...more } });
  const { password, id } = made.body as { password: string; id: string }; // a 200 has them
  const once = await signIn(primum, username, password);
  const next = `${randomUUID()}-kept`;
  const changed = await calls(once)({ method: 'PUT', path: '/api/account/password', body: { current: password, next } });
  expect(changed.status).toBe(200);
  return { id, password: next, token: await signIn(primum, username, next) };
}

beforeAll(async () => {
  primum = await bootForTest();
  await primum.send(...illPatient(patient), ...illPatient(colleague));
  const [row] = await primum.core.db.query<Ids>(`
    select s.id as stay, s.patient_id as patient, a.id as alert, a.version, a.raised_by as prediction, encode(p.model_digest, 'hex') as model,
      (select id from message order by arrival limit 1) as message, (select f.patient_id || '/' || f.key || '/' || f.seq from fact f where f.patient_id = s.patient_id limit 1) as fact
    from stay s join alert a on a.stay_id = s.id join prediction p on p.id = a.raised_by where s.bed = 'I1' limit 1`, []);
  ids = row!; // the ill patient's
  [{ id: other } = { id: '' }] = await primum.core.db.query<{ id: string }>('select patient_id as id from stay where bed = $1', ['I2']);
  [officer, clinician] = [await tokenOf('security-officer'), await tokenOf('clinician')];
  insider = (await newPerson('insider', { role: 'clinician', units: ['bench/ELSEWHERE'] })).token;
});
afterAll(() => primum[Symbol.asyncDispose]());

describe('a clinician of another ward', () => {
  it('opens a patient by no id of any kind, and each try is on the log under the patient\'s name', async () => {
    const resources = await primum.core.db.query<{ type: string; id: string }>('select distinct on (type) type, id from resource where patient_id = $1', [ids.patient]);
    const consent = (await calls(clinician)({ method: 'POST', path: '/api/rights/objections', body: { patientId: ids.patient, scope: 'research', givenBy: 'patient' } })).body as { id: string }; // a 200 has it
    const tries: Asked[] = [
      { path: `/api/stays/${ids.stay}` }, { path: `/api/predictions/${ids.prediction}` }, { method: 'POST', path: `/api/predictions/${ids.prediction}/replay` },
      { method: 'POST', path: `/api/alerts/${ids.alert}/acknowledge`, body: { as: 'assessing', version: ids.version } },
      { method: 'POST', path: `/api/alerts/${ids.alert}/snooze`, body: { minutes: 30, version: ids.version } },
      ...resources.flatMap(({ type, id }) => [{ path: `/api/fhir/${type}/${id}` }, { path: `/api/fhir/${type}/${id}/_history/1` }]),
      ...[`message:${ids.message}`, `fact:${ids.fact}`, `prediction:${ids.prediction}`, `alert:${ids.alert}`, `action:${ids.alert}/1`, `resource:Patient/${ids.patient}/1`]
        .flatMap((node) => [{ path: `/api/lineage?node=${encodeURIComponent(node)}` }, { path: `/api/lineage/provenance?node=${encodeURIComponent(node)}&direction=down` }]),
      { path: `/api/rights/objections?patientId=${ids.patient}` },
      { method: 'POST', path: '/api/rights/objections', body: { patientId: ids.patient, scope: 'ai-scoring', givenBy: 'patient' } },
      { method: 'POST', path: `/api/rights/objections/${consent.id}/withdraw` },
      { method: 'POST', path: '/api/smart/launches', body: { clientId: 'any', stayId: ids.stay } },
    ];
    expect(resources.length).toBeGreaterThan(2);
    for (const asked of tries) {
      const answer = await calls(insider)(asked);
      expect({ asked: asked.path, status: answer.status }).toEqual({ asked: asked.path, status: 403 });
      expect(answer.text).not.toMatch(/INS1|Bench|1960-?01-?01/);
    }
    const [logged] = await primum.core.db.query<{ count: number }>(
      `select count(*) as count from audit_event where actor = 'user:insider' and outcome = 'minor-failure' and ($1 = patient_id or patient_ids @> array[$1::uuid])`, [ids.patient]);
    expect(logged!.count).toBe(tries.length);
    const [row] = await primum.core.db.query<{ status: string }>('select distinct status from consent where id = $1', [consent.id]);
    expect(row!.status).toBe('active');
  });

  it('learns of what rests on a model that it is there, not whose it is nor what it says', async () => {
    for (const path of [`/api/lineage?node=model:${ids.model}&direction=down&limit=5000`, `/api/lineage/provenance?node=model:${ids.model}&direction=down&limit=5000`]) {
      const { status, text } = await calls(insider)({ path });
      expect(status).toBe(200);
      for (const id of [ids.patient, other]) expect(text).not.toContain(id);
      expect(text).not.toMatch(/warning|critical|for the hour/);
    }
    expect((await calls(clinician)({ path: `/api/lineage?node=model:${ids.model}&direction=down&limit=5000` })).text).toContain(ids.patient);
  });

  it('is let in by no purpose that a header claims', async () => {
    for (const purpose of [...purposes, 'treat', 'TREAT,BTG', 'BTG '.repeat(2)]) {
      for (const path of [`/api/stays/${ids.stay}`, `/api/fhir/Patient/${ids.patient}`, '/api/worklist']) {
        const answer = await calls(insider)({ path, headers: { 'x-purpose-of-use': purpose } });
        if (path === '/api/worklist' && answer.status === 200) expect(answer.body).toMatchObject({ rows: [] });
        else expect([400, 403]).toContain(answer.status);
        expect(answer.text).not.toContain('INS1');
      }
    }
  });

  it('looks at nobody under a purpose that the privacy check looks at less closely', async () => {
    for (const purpose of ['PATRQT', 'HCOMPL', 'HRESCH', 'HSYSADMIN', 'BTG']) {
      for (const path of [`/api/stays/${ids.stay}`, `/api/fhir/Patient/${ids.patient}`, `/api/predictions/${ids.prediction}`]) {
        expect({ purpose, path, status: (await calls(clinician)({ path, headers: { 'x-purpose-of-use': purpose } })).status }).toEqual({ purpose, path, status: 403 });
      }
    }
    expect((await calls(clinician)({ path: `/api/stays/${ids.stay}` })).status).toBe(200);
  });

  it('has an emergency access for one patient, for nobody else, and cannot touch another\'s', async () => {
    const open = await calls(insider)({ method: 'POST', path: '/api/emergency-access', body: { patientId: ids.patient, reason: 'found without breathing' } });
    const { id } = open.body as { id: string }; // a 200 has it
    expect((await calls(insider)({ path: `/api/stays/${ids.stay}` })).status).toBe(200);
    expect((await calls(insider)({ path: `/api/fhir/Patient/${other}` })).status).toBe(403);
    const stranger = (await newPerson('stranger', { role: 'clinician', units: [] })).token;
    expect((await calls(stranger)({ path: `/api/stays/${ids.stay}` })).status).toBe(403);
    expect((await calls(stranger)({ method: 'DELETE', path: `/api/emergency-access/${id}` })).status).toBe(404);
    expect((await calls(insider)({ path: `/api/stays/${ids.stay}` })).status).toBe(200);
    for (const act of [{ path: `/api/predictions/${ids.prediction}/replay` }, { path: '/api/rights/objections', body: { patientId: ids.patient, scope: 'research', givenBy: 'patient' } }]) {
      expect((await calls(insider)({ method: 'POST', ...act })).status).toBe(403);
    }
    expect((await calls(insider)({ method: 'DELETE', path: `/api/emergency-access/${id}` })).status).toBe(200);
    expect((await calls(insider)({ path: `/api/stays/${ids.stay}` })).status).toBe(403);
  });
});

describe('a member of staff', () => {
  it('is told by the stream of events which stays changed where they may read patients, and not else', async () => {
    const heard = async (token: string): Promise<string> => {
      const cut = new AbortController();
      const stream = await fetch(`${primum.url}api/events`, { headers: { cookie: `primum_session=${token}` }, signal: cut.signal });
      let text = '';
      const reading = (async () => { for await (const chunk of stream.body!) text += Buffer.from(chunk).toString(); })().catch(() => undefined);
      await primum.send(...withdrawLast(patient, 1, 'C').map((message) => message.replaceAll('|C-', `|${randomUUID().slice(0, 6)}-`)));
      await sleep(600);
      cut.abort();
      await reading;
      return text;
    };
    expect(await heard(clinician)).toContain(ids.stay);
    const deaf = await heard(officer);
    expect(deaf).toContain('event: worklist');
    expect(deaf).not.toContain(ids.stay);
  });

  it('gains nothing by fields that nobody asked for', async () => {
    const tries: Asked[] = [
      { method: 'POST', path: '/api/session', body: { username: 'insider', password: 'x', role: 'security-officer' } },
      { method: 'PUT', path: '/api/account/password', body: { current: 'x', next: 'y'.repeat(20), userId: randomUUID() } },
      { method: 'POST', path: '/api/emergency-access', body: { patientId: ids.patient, reason: 'long enough a reason', until: '2099-01-01T00:00:00Z' } },
    ];
    for (const asked of tries) expect((await calls(insider)(asked)).status).toBe(400);
    for (const more of [{ passwordHash: 'x' }, { tenant: 2 }, { id: randomUUID() }, { mustChangePassword: false }]) {
      expect((await calls(officer)({ method: 'POST', path: '/api/users', body: { username: 'massed', displayName: 'M', role: 'auditor', ...more } })).status).toBe(400);
    }
  });

  it('cannot give rights to themselves, nor take the sessions of another', async () => {
    const me = (await calls(officer)({ path: '/api/session' })).body as { userId: string }; // a 200 has it
    for (const asked of [
      { method: 'PUT', path: `/api/users/${me.userId}`, body: { role: 'clinician' } }, { method: 'PUT', path: `/api/users/${me.userId}`, body: { units: ['*'] } },
      { method: 'POST', path: `/api/users/${me.userId}/password` }, { method: 'DELETE', path: `/api/users/${me.userId}/factors` },
    ]) expect((await calls(officer)(asked)).body).toMatchObject({ code: 'auth.own-account' });
    const { sessions: [session] } = (await calls(clinician)({ path: '/api/account' })).body as { sessions: { id: string }[] };
    await calls(insider)({ method: 'DELETE', path: `/api/account/sessions/${session!.id}` });
    expect((await calls(clinician)({ path: '/api/session' })).status).toBe(200);
  });

  it('is given no secret of anybody by any list', async () => {
    for (const path of ['/api/users', '/api/account', '/api/clients', '/api/keys']) {
      const { text, status } = await calls(officer)({ path });
      expect(status).toBe(200);
      expect(text).not.toMatch(/argon2|password_hash|passwordHash|digest|secret|sealed/i);
    }
  });

  it('gets every entry of the log that was asked for and no statement of their own through its filters', async () => {
    const auditor = await tokenOf('auditor');
    for (const filter of ["' or 1=1 --", '%', 'user:clinician\' --', '*', '\\', 'x\') union select password_hash from app_user --']) {
      for (const name of ['actor', 'action', 'purpose']) {
        const { status, body } = await calls(auditor)({ path: `/api/audit?${name}=${encodeURIComponent(filter)}` });
        if (status === 200) expect(body).toMatchObject({ rows: [] });
        else expect(status).toBe(400);
      }
    }
    for (const query of ['limit=501', 'limit=0', 'limit=1e9', 'limit=100&limit=100', 'cursor=x', 'from=yesterday', 'outcome=any', 'patientId=1']) {
      expect({ query, status: (await calls(auditor)({ path: `/api/audit?${query}` })).status }).toEqual({ query, status: 400 });
    }
    expect((await calls(clinician)({ path: `/api/worklist?site=${encodeURIComponent("' or 1=1 --")}` })).status).toBe(404);
    expect((await calls(clinician)({ path: `/api/stays/${ids.stay}?hours=999999` })).status).toBe(400);
  });

  it('finds no patient by trying numbers without leaving a trace of each try', async () => {
    const privacy = await tokenOf('privacy-officer');
    const tries = [...['/api/rights/find', '/api/disclosures/patient', '/api/patients/find'].map((path) => ({ path, body: { mrn: 'NOBODY' } })),
      { path: '/api/rights/erasures', body: { patientId: ids.patient, basis: 'requested-by-person', mrn: 'NOBODY' } }];
    const count = async (): Promise<number> => (await primum.core.db.query<{ n: number }>(`select count(*) as n from audit_event where action = 'patient.find' and actor = 'user:privacy'`, []))[0]!.n;
    const { username } = primum.seeded.find((user) => user.role === 'privacy-officer')!; // every role is seeded
    expect(username).toBe('privacy');
    for (const asked of tries) {
      const before = await count();
      await calls(privacy)({ method: 'POST', ...asked });
      expect({ path: asked.path, events: await count() - before }).toEqual({ path: asked.path, events: 1 });
    }
  });
});

describe('whoever knows a password', () => {
  it('takes a code of the authenticator app once, of four requests at the same moment too; a recovery code as well', async () => {
    const { id, token, password } = await newPerson('doubled', { role: 'auditor' });
    const begun = (await calls(token)({ method: 'POST', path: '/api/account/totp' })).body as { secret: string }; // a 200 has it
    const totp = new TOTP({ algorithm: 'SHA1', digits: 6, period: 30, secret: Secret.fromBase32(begun.secret) });
    const now = Date.now();
    const added = await calls(token)({ method: 'PUT', path: '/api/account/totp', body: { code: totp.generate({ timestamp: now - 30_000 }) } });
    const [recoveryCode] = (added.body as { recoveryCodes: string[] }).recoveryCodes; // the first factor brings them
    for (const factor of [{ code: totp.generate({ timestamp: now }) }, { recoveryCode }]) {
      const waiting = await Promise.all(Array.from({ length: 4 }, () => signIn(primum, 'doubled', password)));
      const answers = await Promise.all(waiting.map((one) => calls(one)({ method: 'PUT', path: '/api/session/factor', body: factor })));
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
      for (const one of waiting) expect((await calls(one)({ path: '/api/users' })).status).toBe(401);
      expect((await calls(officer)({ method: 'POST', path: `/api/users/${id}/unlock` })).status).toBe(200);
    }
    const half = await signIn(primum, 'doubled', password);
    for (const path of ['/api/account', '/api/audit', '/api/keys', '/api/events', '/api/smart/grants']) expect((await calls(half)({ path })).body).toMatchObject({ code: 'auth.incomplete' });
    for (const path of ['/api/account/totp', '/api/account/passkeys/options', '/api/account/recovery-codes']) expect((await calls(half)({ method: 'POST', path })).status).toBe(401);
    expect((await calls(half)({ method: 'PUT', path: '/api/account/password', body: { current: password, next: `${randomUUID()}-new` } })).status).toBe(401);
  });

  it('is not made anybody by a cookie that was planted before the sign-in', async () => {
    const planted = Buffer.alloc(32, 9).toString('base64url');
    const { username, password } = primum.seeded.find((user) => user.role === 'auditor')!; // every role is seeded
    const answer = await ask(primum.httpPort, { method: 'POST', path: '/api/session', token: planted, body: { username, password } });
    expect(answer.status).toBe(200);
    expect(String(answer.headers['set-cookie'])).not.toContain(planted);
    expect((await ask(primum.httpPort, { path: '/api/session', token: planted })).status).toBe(401);
  });

  it('is shut out between two requests: what was asked after the end of a session is refused', async () => {
    const token = await tokenOf('clinician');
    await Promise.all(Array.from({ length: 20 }, () => calls(token)({ path: `/api/stays/${ids.stay}` })));
    expect((await calls(token)({ method: 'DELETE', path: '/api/session' })).status).toBe(200);
    const after = await Promise.all(Array.from({ length: 20 }, () => calls(token)({ path: `/api/stays/${ids.stay}` })));
    expect(new Set(after.map(({ status }) => status))).toEqual(new Set([401]));
    expect((await calls(clinician)({ path: `/api/stays/${ids.stay}` })).status).toBe(200); // another session of the same person
  });
});
