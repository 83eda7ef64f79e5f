import { setTimeout as sleep } from 'node:timers/promises';
import { routes, sessionStates, type Route, type SessionState } from '@primum/contract';
import { countPersonalData, removePersonalData } from '@primum/trust';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { admission, benchSource, type BenchPatient } from '../bench/support/ward-messages.ts';
import { tenant } from '../apps/primum/src/core.ts';
import { ask, bootForTest, signIn, type Answer, type Booted } from './support/booted.ts';
import { admittedAt } from './support/ill-patient.ts';

const patient: BenchPatient = { mrn: 'STAFF1', visit: 'STAFFV1', bed: 'S1', admittedAt };
/** Longer than a session is remembered. */
const forgottenMs = 500;
let primum: Booted;
beforeAll(async () => { primum = await bootForTest(); });
afterAll(async () => { await primum[Symbol.asyncDispose](); });

const signInAs = async (role: string): Promise<string> => {
  const { username, password } = primum.seeded.find((user) => user.role === role)!; // every role is seeded
  return signIn(primum, username, password);
};
/** With parameters that name nothing; the body is never looked at before the caller is. */
const call = (route: Route, token: string): Promise<Answer> =>
  ask(primum.httpPort, { method: route.method, path: route.path.replace(/:[a-zA-Z]+/g, '00000000-0000-4000-8000-000000000000'), token, ...(route.method === 'GET' || route.method === 'DELETE' ? {} : { body: {} }) });
/** FHIR's addresses say it in an OperationOutcome, the others as our own error. */
const codeOf = ({ body }: Answer): unknown => {
  const { code, issue } = (typeof body === 'object' && body !== null ? body : {}) as { code?: string; issue?: { details?: { coding?: { code?: string }[] } }[] };
  return code ?? issue?.[0]?.details?.coding?.[0]?.code;
};

it.each(sessionStates.filter((state) => state !== 'full'))('a session in %s is answered by what is due alone', async (state: SessionState) => {
  const token = await signInAs('security-officer');
  await primum.core.db.query('update session set state = $1', [state]);
  await sleep(forgottenMs);
  const answered: string[] = [];
  for (const [name, route] of Object.entries(routes)) {
    const { needs, states }: Route = route;
    if (needs === 'public' || name === 'signOut') continue;
    const answer = await call(route, token);
    if (codeOf(answer) === 'auth.incomplete') expect(answer.status).toBe(401);
    else answered.push(name);
    expect({ name, answered: codeOf(answer) !== 'auth.incomplete' }).toEqual({ name, answered: states?.includes(state) === true });
  }
  const due: Record<string, string[]> = {
    'second-factor': ['factorOptions', 'giveFactor'], 'password-change': ['changePassword'], enrolment: ['account', 'addPasskey', 'beginTotp', 'confirmTotp', 'passkeyOptions'],
  };
  expect(answered.sort()).toEqual([...(due[state] ?? []), 'getSession'].sort());
});

it('what is sensitive is refused to a proof that is older than a quarter of an hour', async () => {
  const token = await signInAs('security-officer');
  await primum.core.db.query('update session set authenticated_at = authenticated_at - interval \'15 minutes 1 second\'');
  await sleep(forgottenMs);
  const refused: string[] = [];
  for (const [name, route] of Object.entries(routes)) {
    const { freshFactor }: Route = route;
    if (freshFactor !== true) continue;
    const answer = await call(route, token);
    if (codeOf(answer) === 'auth.forbidden') continue; // not this role's
    expect({ name, code: codeOf(answer), status: answer.status }).toEqual({ name, code: 'auth.fresh-factor-needed', status: 403 });
    refused.push(name);
  }
  for (const name of ['createUser', 'changeUser', 'resetPassword', 'resetFactors', 'beginTotp', 'addPasskey', 'removeTotp']) expect(refused).toContain(name);
});

it('a person\'s own record is found by the number that was typed, and the link goes with the patient', async () => {
  await primum.send(admission(patient, 'STAFF-A'));
  const token = await signInAs('security-officer');
  const clinician = await primum.core.identity.userIdOf(tenant, 'clinician');
  const link = await ask(primum.httpPort, { method: 'PUT', path: `/api/users/${clinician}/own-record`, token, body: { mrn: { authority: benchSource.facility, value: patient.mrn } } });
  expect(link.status).toBe(200);
  const { db, personalData } = primum.core;
  const linked = await db.query<{ patient_id: string }>('select i.patient_id from staff_patient s join patient_identifier i on i.tenant = s.tenant and i.token = s.identifier_token where s.user_id = $1', [clinician]);
  expect(linked).toHaveLength(1);
  const ids = linked.map(({ patient_id: id }) => id);
  expect(await countPersonalData(personalData, db, tenant, ids)).toMatchObject({ staff_patient: 1 });
  await db.transaction((tx) => removePersonalData(personalData, tx, tenant, ids));
  expect(await db.query('select 1 as one from staff_patient')).toEqual([]);
});
