import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { roles, routes, type Account, type Role, type Route } from '@primum/contract';
import { createPolicy, loadPolicies, shippedPolicies, surprises } from '@primum/trust';
import { tenant } from '../../core.ts';
import { expectThat, type Proof } from '../proof.ts';
import { smallWard, totpAt, type Answer, type Scratch } from '../scratch.ts';

/** FHIR's addresses say it in an OperationOutcome, the others as our own error. */
const codeOf = ({ body }: Answer): string => {
  const { code, issue } = (typeof body === 'object' && body !== null ? body : {}) as { code?: string; issue?: { details?: { coding?: { code?: string }[] } }[] };
  return code ?? issue?.[0]?.details?.coding?.[0]?.code ?? '';
};
const refusedIncomplete = (answer: Answer): boolean => answer.status === 401 && codeOf(answer) === 'auth.incomplete';
const pathOf = (route: Route): string => route.path.replaceAll(/:[a-zA-Z]+/g, () => randomUUID());

/** Of the software and the home's own policies: needs no database. */
export const decisionMatrix: Proof<{ home: string }> = {
  id: 'decision-matrix', title: 'Who may do what, each decision compared with a table', again: 'primum policy test',
  run: async ({ home }) => {
    const policy = createPolicy({ readPatientFacts: () => Promise.resolve([]), demonstration: false, loaded: loadPolicies([join(home, 'policies')]) });
    const { decided, surprises: found } = surprises(policy, readFileSync(join(shippedPolicies, 'decisions.csv'), 'utf8'));
    return {
      passed: found.length === 0, says: `${decided} decisions were made, ${found.length} of them other than the table says; what no line of it allows is refused.`,
      figures: { decided, differing: found.length, first: found.slice(0, 20), policies: policy.policies.length, epoch: policy.epoch },
    };
  },
};

export const authorizationWalk: Proof<Scratch> = {
  id: 'authorization-walk', title: 'Every route of the API, by nobody and by each role that may not', again: 'npx vitest run tests/api-access.test.ts',
  run: async (scratch) => {
    const may = new Map<Role, ReadonlySet<string>>();
    for (const role of roles) may.set(role, new Set((await scratch.as<{ permissions: string[] }>(role, { path: '/api/session' })).permissions));
    const answeredWrongly: string[] = [];
    const counts = { routes: 0, anonymous: 0, forbidden: 0 };
    for (const [name, row] of Object.entries(routes)) {
      const route: Route = row;
      counts.routes += 1;
      if (route.needs === 'public') continue;
      const call = { method: route.method, path: pathOf(route), ...(route.body === undefined ? {} : { body: {} }) };
      counts.anonymous += 1;
      if ((await scratch.ask(call)).status !== 401) answeredWrongly.push(`${name} by nobody`);
      for (const role of roles) {
        if (route.needs === 'session' || [route.needs].flat().some((permission) => may.get(role)?.has(permission) === true)) continue;
        counts.forbidden += 1;
        if ((await scratch.ask({ ...call, cookie: scratch.people[role].cookie })).status !== 403) answeredWrongly.push(`${name} by ${role}`);
      }
    }
    return {
      passed: answeredWrongly.length === 0 && counts.forbidden > 100,
      says: `${counts.anonymous} routes were asked without a sign-in and answered 401; ${counts.forbidden} times a role asked what it may not and was answered 403; ${answeredWrongly.length} answers were others.`,
      figures: { ...counts, answeredWrongly: answeredWrongly.slice(0, 50), publicRoutes: Object.entries(routes).filter(([, { needs }]) => needs === 'public').map(([name]) => name) },
    };
  },
};

export const secondFactor: Proof<Scratch> = {
  id: 'second-factor', title: 'A password alone opens nothing, for any role', again: 'npx vitest run packages/trust/src/identity/factors.test.ts',
  run: async ({ ask, people }) => {
    const pages = Object.values<Route>(routes).filter(({ needs, method, path }) => needs !== 'public' && needs !== 'session' && method === 'GET' && !path.includes(':'));
    let refused = 0;
    for (const role of roles) {
      const { username, password, totpSecret } = people[role];
      const begun = await ask({ method: 'POST', path: '/api/session', body: { username, password } });
      expectThat((begun.body as { state?: string }).state === 'second-factor', `a sign-in of ${role} by password did not wait for the second factor`);
      for (const { path } of pages) {
        expectThat(refusedIncomplete(await ask({ path, cookie: begun.cookie })), `${path} answered ${role} before the second factor`);
        refused += 1;
      }
      const wrong = await ask({ method: 'PUT', path: '/api/session/factor', body: { code: totpAt(totpSecret, Date.now() + 3_600_000) }, cookie: begun.cookie });
      expectThat(wrong.status === 401, 'a code of another hour was taken');
      // The step of the enrolment is used up; the next one is within the window.
      const code = totpAt(totpSecret, Date.now() + 30_000); // once: half a minute may begin between the two
      const given = await ask({ method: 'PUT', path: '/api/session/factor', body: { code }, cookie: begun.cookie });
      expectThat((given.body as { state?: string }).state === 'full', `the right code of ${role} was not taken`);
      const again = await ask({ method: 'POST', path: '/api/session', body: { username, password } });
      const replayed = await ask({ method: 'PUT', path: '/api/session/factor', body: { code }, cookie: again.cookie });
      expectThat(replayed.status === 401, 'a code was taken twice');
    }
    return { passed: true, says: `For each of ${roles.length} roles a password alone was refused ${pages.length} pages; a wrong code and a code used before were refused, the right one was taken.`, figures: { roles: roles.length, pages: pages.length, refused } };
  },
};

export const lockOutAndLogoff: Proof<Scratch> = {
  id: 'lock-out-and-logoff', title: 'Guessing locks the name; a session left alone ends', again: 'npx vitest run packages/trust/src/identity/identity.test.ts',
  run: async ({ addPerson, ask, primum: { core } }) => {
    const person = await addPerson(`locked-${randomUUID().slice(0, 8)}`, 'auditor');
    const { idleMs, absoluteMs } = core.identity.limits;
    await core.db.query("update session set last_seen_at = last_seen_at - $2 * interval '1 millisecond' where user_id = $1", [person.userId, idleMs + 60_000]);
    await sleep(1_000); // what a process remembers of a session, it asks again within half a second
    expectThat((await ask({ path: '/api/account', cookie: person.cookie })).status === 401, 'an idle session still answered');
    const attempts: string[] = [];
    for (let n = 0; n < 5; n += 1) attempts.push(codeOf(await ask({ method: 'POST', path: '/api/session', body: { username: person.username, password: `guess ${n}` } })));
    const right = codeOf(await ask({ method: 'POST', path: '/api/session', body: { username: person.username, password: person.password } }));
    expectThat(right === 'auth.locked', 'the right password was taken after five guesses');
    return {
      passed: true, says: `A session unused for ${idleMs / 60_000} minutes (moved back in the scratch database) was ended; after ${attempts.length} wrong passwords the right one was refused.`,
      figures: { idleMinutes: idleMs / 60_000, longestHours: absoluteMs / 3_600_000, attempts, right },
    };
  },
};

const bound = { revocationMs: 1_000 };

export const revocationLatency = (times: number): Proof<Scratch> => ({
  id: 'revocation-latency', title: 'A disabled account is refused at once', again: 'npx vitest run packages/trust/src/identity/factors.test.ts',
  run: async ({ addPerson, ask, as }) => {
    const ms: number[] = [];
    for (let n = 0; n < times; n += 1) {
      const person = await addPerson(`leaving-${randomUUID().slice(0, 8)}`, 'clinician');
      expectThat((await ask({ path: '/api/worklist', cookie: person.cookie })).status === 200, 'the account did not work before');
      await as('security-officer', { method: 'PUT', path: `/api/users/${person.userId}`, body: { disabled: true } });
      const startedMs = performance.now();
      while ((await ask({ path: '/api/worklist', cookie: person.cookie })).status !== 401) {
        expectThat(performance.now() - startedMs < 10_000, 'a disabled account went on working');
        await sleep(5);
      }
      ms.push(Math.round(performance.now() - startedMs));
    }
    const longestMs = Math.max(...ms);
    return { passed: longestMs <= bound.revocationMs, says: `${times} accounts were disabled while they were used; the longest went on for ${longestMs} ms (bound: ${bound.revocationMs} ms).`, figures: { ms, longestMs, boundMs: bound.revocationMs } };
  },
});

export const careRelationship: Proof<Scratch> = {
  id: 'care-relationship', title: 'Staff read the patients whom their unit treats; anybody else by emergency access alone, which goes to review', again: 'npx vitest run packages/trust/src/policy',
  run: async ({ addPerson, ask, as, patients }) => {
    const person = await addPerson(`small-ward-${randomUUID().slice(0, 8)}`, 'clinician', [smallWard.unit]);
    const [treated, other] = [patients[0]!, patients[smallWard.patients]!]; // more are invented than lie there
    const read = async (patientId: string): Promise<number> => (await ask({ path: `/api/fhir/Patient/${patientId}`, cookie: person.cookie })).status;
    expectThat(await read(treated.patientId) === 200, 'a patient of the own ward could not be read');
    expectThat(await read(other.patientId) === 403, 'a patient of another ward could be read');
    const before = (await as<{ open: number }>('privacy-officer', { path: '/api/reviews' })).open;
    const opened = await ask({ method: 'POST', path: '/api/emergency-access', body: { patientId: other.patientId, reason: 'drill: found unconscious on the stairs' }, cookie: person.cookie });
    expectThat(opened.status === 200, 'an emergency access could not be opened');
    expectThat(await read(other.patientId) === 200, 'an emergency access did not open the record');
    const after = (await as<{ open: number }>('privacy-officer', { path: '/api/reviews' })).open;
    expectThat(after === before + 1, 'an emergency access did not come onto the privacy office\'s queue');
    await ask({ method: 'DELETE', path: `/api/emergency-access/${(opened.body as { id: string }).id}`, cookie: person.cookie });
    expectThat(await read(other.patientId) === 403, 'an ended emergency access went on');
    return { passed: true, says: 'A patient of the own ward was read, one of another ward refused; an emergency access with a reason opened it, was on the privacy office’s queue at once, and ended when it was ended.', figures: { ownWard: 200, otherWard: 403, withEmergencyAccess: 200, reviewsAdded: after - before, afterItsEnd: 403 } };
  },
};

export const accessAccount: Proof<Scratch> = {
  id: 'access-account', title: 'Who saw this patient, when and what for', again: 'GET /api/patients/ID/disclosures',
  run: async ({ ask, as, people, patients, primum: { core } }) => {
    const patient = patients[smallWard.patients + 1]!; // more are invented than lie in the small ward
    await as('clinician', { path: `/api/stays/${patient.stayId}` });
    const accesses = await as<Account>('privacy-officer', { path: `/api/patients/${patient.patientId}/disclosures?kind=accesses` });
    const mine = accesses.entries.find(({ actor, action }) => actor === `user:${people.clinician.username}` && action === 'patient.read');
    expectThat(mine?.purpose === 'TREAT', 'a look at the stay is not in the account');
    const treatment = await as<Account>('privacy-officer', { path: `/api/patients/${patient.patientId}/disclosures?kind=disclosures` });
    expectThat(!treatment.entries.some(({ action }) => action === 'patient.read'), 'a look for treatment is accounted for as a disclosure');
    expectThat((await ask({ path: `/api/patients/${patient.patientId}/disclosures`, cookie: people.clinician.cookie })).status === 403, 'a clinician could ask for the account');
    const [written] = await core.db.query<{ n: number }>("select count(*) as n from audit_event where tenant = $1 and action = 'disclosure.read'", [tenant]);
    expectThat((written?.n ?? 0) >= 2, 'asking for the account is not on the log');
    return { passed: true, says: 'A look for treatment was in the account of accesses with person, time and purpose, and not in the account of disclosures; asking was itself on the audit log.', figures: { accesses: accesses.entries.length, disclosures: treatment.entries.length, actions: [...new Set(accesses.entries.map(({ action }) => action))] } };
  },
};
