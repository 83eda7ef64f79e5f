import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { purposes } from '@primum/contract';
import type { Db } from '@primum/store';
import { createTestDatabase } from '@primum/store/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Principal, UserPrincipal } from '../access/principal.ts';
import { askers, surprises } from './decision-table.ts';
import { parsePolicies, shippedPolicies } from './load-policies.ts';
import { createPolicy, permittedTo, type PatientFacts, type Policy } from './policy.ts';

const schema = readFileSync(join(shippedPolicies, 'schema.cedarschema'), 'utf8');
const readPatientFacts = (): Promise<[]> => Promise.resolve([]);
const shipped = createPolicy({ readPatientFacts, demonstration: false });
const policyOf = (text: string): Policy => createPolicy({ readPatientFacts, demonstration: false, loaded: parsePolicies(schema, [{ name: 'x.cedar', text }]) });
const patient: PatientFacts = { patientId: 'p', rootId: 'p', careUnits: ['*', 'A', 'A/1'], restricted: false, aiOptOut: false, researchOptOut: false, vip: false, emergencyFor: [] };
const nurse: UserPrincipal = { kind: 'user', userId: 'nurse', username: 'nurse', role: 'clinician', careUnits: ['A/1'], mfa: true };

describe('the policies that ship', () => {
  it('decide what the table in the repository says, and nothing else is allowed', () => {
    const { decided, surprises: found } = surprises(shipped, readFileSync(join(shippedPolicies, 'decisions.csv'), 'utf8'));
    expect(found.slice(0, 20)).toEqual([]);
    expect(decided).toBeGreaterThan(20_000);
  });

  it('name what decided, and say BTG only where an emergency access alone opened the patient', () => {
    const decide = (principal: UserPrincipal, subject: PatientFacts) => shipped.decide({ tenant: 1, principal, authority: 'patient.read', purpose: 'TREAT', subject });
    const emergency = { ...patient, emergencyFor: ['nurse'] };
    expect(decide(nurse, emergency)).toEqual({ allowed: true, by: ['clinician-treats', 'emergency-access'], purpose: 'TREAT' });
    expect(decide({ ...nurse, careUnits: ['B'] }, emergency)).toEqual({ allowed: true, by: ['emergency-access'], purpose: 'BTG' });
    expect(decide({ ...nurse, userId: 'other', careUnits: ['B'] }, emergency)).toEqual({ allowed: false, by: [], purpose: 'TREAT' });
    expect(decide({ ...nurse, mfa: false }, patient)).toMatchObject({ allowed: false, by: ['second-factor'] });
    expect(decide({ ...nurse, careUnits: [] }, patient).allowed).toBe(false);
    expect(decide(nurse, { ...patient, careUnits: [] }).allowed).toBe(false);
  });

  it('show a console what a person may do at all', () => {
    expect(permittedTo(shipped, 1, { ...nurse, role: 'integration-engineer' })).toEqual(['record.define', 'feed.manage', 'feed.read', 'quarantine.read', 'quarantine.replay']);
    expect(permittedTo(shipped, 1, { ...nurse, role: 'data-scientist' })).not.toContain('patient.read');
  });
});

describe('scopes', () => {
  const app = (scopes: string[], patientId?: string): UserPrincipal => ({ ...nurse, via: { clientId: 'app', scopes, ...(patientId === undefined ? {} : { patientId }) } });
  const may = (principal: Principal, resourceType: string, subject: PatientFacts = patient, authority: 'patient.read' | 'alert.act' = 'patient.read') =>
    shipped.decide({ tenant: 1, principal, authority, purpose: 'TREAT', subject, resourceType }).allowed;
  it('are an upper bound: what they do not name is refused before the policies are asked', () => {
    expect(may(app(['user/Observation.rs']), 'Observation')).toBe(true);
    expect(may(app(['user/Observation.c']), 'Observation')).toBe(false);
    expect(may(app(['user/Observation.rs']), 'Patient')).toBe(false);
    expect(may(app(['user/Observation.rs?category=laboratory']), 'Observation')).toBe(false);
    expect(may(app(['system/*.rs']), 'Observation')).toBe(false);
    expect(may(app(['user/*.cruds']), 'Patient', patient, 'alert.act')).toBe(false);
    expect(may(app(['user/*.rs']), 'Patient', { ...patient, careUnits: ['*', 'B'] })).toBe(false);
    expect(may({ kind: 'client', clientId: 'c', scopes: ['user/*.rs'], purposes: ['TREAT'] }, 'Patient')).toBe(false);
    expect(may({ kind: 'client', clientId: 'c', scopes: ['system/Patient.r'], purposes: ['TREAT'] }, 'Patient')).toBe(true);
  });
  it('of a patient are for that patient, by any of its merged records', () => {
    expect(may(app(['patient/*.rs'], 'p'), 'Patient')).toBe(true);
    expect(may(app(['patient/*.rs'], 'q'), 'Patient')).toBe(false);
    expect(may(app(['patient/*.rs'], 'p'), 'Patient', { ...patient, patientId: 'merged' })).toBe(true);
    expect(may(app(['patient/*.rs']), 'Patient')).toBe(false);
    expect(may(app(['user/*.rs'], 'q'), 'Patient')).toBe(false);
  });
});

describe('a set of policies is refused whole, by file, line and policy', () => {
  const permit = '@id("p") permit (principal, action == Action::"patient.read", resource is Patient)';
  it.each([
    ['does not parse', `${permit}\nwhen { resource.restricted `, /x\.cedar:\d/],
    ['has no id', 'permit (principal, action, resource);', /x\.cedar:1: a policy has an @id/],
    ['has an id twice', `${permit};\n\n${permit};`, /x\.cedar:(1|3): the id p/],
    ['asks an attribute that is not there', `${permit} when { resource.shoeSize == "9" };`, /x\.cedar:1: p: .*shoeSize/],
    ['compares what can never be equal', `${permit} when { resource.restricted == "yes" };`, /x\.cedar:1: p: /],
    ['names an action that is not there', '@id("p") permit (principal, action == Action::"patient.eat", resource);', /x\.cedar:1: p: /],
    ['names one patient', '@id("p") permit (principal, action == Action::"patient.read", resource == Patient::"x");', /names one resource/],
    ['names one patient inside', `${permit} when { resource == Patient::"x" };`, /x\.cedar:1: p: /],
    ['names one person', '@id("p") permit (principal == User::"x", action == Action::"patient.read", resource is Patient);', /names one person/],
    ['asks who exactly asks', `${permit} when { principal is User && principal.userId == "x" };`, /principal\.userId/],
    ['asks who else has an emergency access', `${permit} when { resource.emergencyFor.isEmpty() };`, /resource\.emergencyFor/],
    ['does not compile to SQL', `${permit} when { resource.careUnits.contains("A") && (if resource.vip then false else true) };`, /does not compile to SQL/],
    ['says a purpose that is none', `@purpose("FUN") ${permit};`, /no purpose of use/],
  ])('%s', (_what, text, why) => { expect(() => parsePolicies(schema, [{ name: 'x.cedar', text }])).toThrow(why); });

  it('where the schema knows another list of actions than the code', () => {
    expect(() => parsePolicies(schema.replace('"model.decide", ', '').replace(', "model.decide"', ''), [])).toThrow(/missing: model\.decide/);
  });
});

describe('a row filter', () => {
  let db: Db;
  let drop: () => Promise<void>;
  beforeAll(async () => {
    ({ db, drop } = await createTestDatabase());
  });
  afterAll(() => drop());

  const units = ['*', 'A', 'B', 'A/1', 'self', ''];
  const someUnits = fc.subarray(units, { minLength: 0 });
  const facts = fc.record({
    careUnits: someUnits, restricted: fc.boolean(), aiOptOut: fc.boolean(), researchOptOut: fc.boolean(), vip: fc.boolean(), emergencyFor: fc.subarray(['me', 'you']),
  }).map((row): PatientFacts => ({ ...row, patientId: 'p', rootId: 'p' }));
  const principals: fc.Arbitrary<Principal> = fc.record({ role: fc.constantFrom('clinician', 'data-scientist', 'privacy-officer' as const), careUnits: someUnits, groups: fc.subarray(['g', 'h']), mfa: fc.boolean() })
    .map((person) => ({ kind: 'user', userId: 'me', username: 'me', ...person }) as UserPrincipal); // the roles are three of the roles

  let everybody = 0;
  /** Allowed rows by the filter, and by a decision each. */
  async function both(policy: Policy, principal: Principal, authority: 'patient.read' | 'patient.find' | 'lineage.read', purpose: (typeof purposes)[number], rows: readonly PatientFacts[]): Promise<[number[], number[]]> {
    const { sql, values, treatedOnly } = policy.filter({ tenant: 1, principal, authority, purpose }, { alias: 'f', from: 2 });
    const filtered = await db.query<{ n: number }>(`
      select n from (
        select r.n, array(select jsonb_array_elements_text(r.u)) as care_units, r.a as restricted, r.b as ai_opt_out, r.c as research_opt_out, r.d as vip,
          array(select jsonb_array_elements_text(r.e)) as emergency_for
        from jsonb_to_recordset($1::jsonb) as r(n int, u jsonb, a boolean, b boolean, c boolean, d boolean, e jsonb)
      ) f where ${sql} order by n`,
    [JSON.stringify(rows.map((row, n) => ({ n, u: row.careUnits, a: row.restricted, b: row.aiOptOut, c: row.researchOptOut, d: row.vip, e: row.emergencyFor }))), ...values]);
    const decided = rows.flatMap((subject, n) => (policy.decide({ tenant: 1, principal, authority, purpose, subject }).allowed ? [n] : []));
    // Who may read whomever needs no look at anybody: not one row is refused, nor read for another purpose.
    if (policy.allowsWhoever({ tenant: 1, principal, authority, purpose })) {
      everybody += 1;
      expect(rows.map((subject) => policy.decide({ tenant: 1, principal, authority, purpose, subject })).filter((decision) => !decision.allowed || decision.purpose !== purpose)).toEqual([]);
    }
    if (treatedOnly === true) expect(decided.filter((n) => rows[n]!.careUnits.length + rows[n]!.emergencyFor.length === 0)).toEqual([]);
    return [filtered.map(({ n }) => n), decided];
  }

  // The fragment, typed as Cedar's strict validation wants it.
  const setTerm = fc.oneof(
    fc.constantFrom('resource.careUnits', 'principal.careUnits'),
    fc.subarray(units, { minLength: 1 }).map((some) => `[${some.map((unit) => JSON.stringify(unit)).join(', ')}]`),
  );
  const textTerm = fc.oneof(fc.constantFrom(...units).map((unit) => JSON.stringify(unit)), fc.constant('context.purpose'));
  const { condition } = fc.letrec<{ condition: string }>((tie) => ({
    condition: fc.oneof(
      { maxDepth: 4, depthSize: 'small' },
      fc.constantFrom('resource.restricted', 'resource.vip', 'resource.aiOptOut', 'resource.researchOptOut', 'principal.mfa', 'principal in Group::"g"', 'context.demonstration', 'resource.emergencyFor.contains(principal.userId)'),
      fc.tuple(setTerm, fc.constantFrom('containsAny', 'containsAll'), setTerm).map(([a, operator, b]) => `${a}.${operator}(${b})`),
      fc.tuple(setTerm, textTerm).map(([set, text]) => `${set}.contains(${text})`),
      fc.tuple(setTerm, fc.constantFrom('==', '!='), setTerm).map(([a, operator, b]) => `${a} ${operator} ${b}`),
      setTerm.map((set) => `${set}.isEmpty()`),
      fc.tuple(fc.constantFrom('resource.vip', 'resource.restricted'), fc.constantFrom('==', '!='), fc.constantFrom('resource.aiOptOut', 'true', 'principal.mfa')).map(([a, operator, b]) => `${a} ${operator} ${b}`),
      fc.tuple(tie('condition'), fc.constantFrom('&&', '||'), tie('condition')).map(([a, operator, b]) => `(${a} ${operator} ${b})`),
      tie('condition').map((inner) => `!(${inner})`),
    ),
  }));
  const policyText = fc.array(fc.record({ says: fc.constantFrom('', '', '@purpose("BTG") '), effect: fc.constantFrom('permit', 'permit', 'forbid'), clause: fc.constantFrom('when', 'unless'), condition }), { minLength: 1, maxLength: 4 })
    .map((all) => all.map(({ says, effect, clause, condition: body }, n) => `@id("p${n}") ${effect === 'permit' ? says : ''}${effect} (principal is User, action == Action::"patient.read", resource is Patient) ${clause} { ${body} };`).join('\n'));

  it('lets pass exactly the rows that a decision each would, for generated policies and rows', async () => {
    let [rowsSeen, allowedSeen] = [0, 0];
    await fc.assert(fc.asyncProperty(policyText, principals, fc.array(facts, { minLength: 1, maxLength: 12 }), fc.constantFrom(...purposes), async (text, principal, rows, purpose) => {
      let policy: Policy;
      try {
        policy = policyOf(text);
      } catch (error) {
        // Cedar refuses a policy that can never apply; nothing else may be wrong with a generated one.
        expect(String(error)).toMatch(/impossible|never|always/i);
        return;
      }
      const [filtered, decided] = await both(policy, principal, 'patient.read', purpose, rows);
      expect(filtered).toEqual(decided);
      rowsSeen += rows.length;
      allowedSeen += decided.length;
    }), { numRuns: 200 });
    // Neither side is trivial.
    expect(allowedSeen).toBeGreaterThan(rowsSeen / 10);
    expect(allowedSeen).toBeLessThan(rowsSeen * 0.9);
    expect(everybody).toBeGreaterThan(3);
  });

  it('does so for the policies that ship', async () => {
    await fc.assert(fc.asyncProperty(principals, fc.array(facts, { minLength: 5, maxLength: 20 }), fc.constantFrom(...purposes), fc.constantFrom<'patient.read' | 'patient.find' | 'lineage.read'>('patient.read', 'patient.find', 'lineage.read'), async (principal, rows, purpose, authority) => {
      const [filtered, decided] = await both(shipped, principal, authority, purpose, rows);
      expect(filtered).toEqual(decided);
    }), { numRuns: 100 });
  });

  it('knows of whom a clinician sees only who is treated', () => {
    const treatedOnly = (principal: Principal, purpose: (typeof purposes)[number]) => shipped.filter({ tenant: 1, principal, authority: 'patient.read', purpose }, { alias: 'f', from: 1 }).treatedOnly === true;
    expect(treatedOnly(nurse, 'TREAT')).toBe(true);
    expect(treatedOnly({ ...nurse, role: 'data-scientist' }, 'HRESCH')).toBe(false);
    expect(treatedOnly({ kind: 'client', clientId: 'c', scopes: ['system/*.rs'], purposes: ['TREAT'] }, 'TREAT')).toBe(false);
  });

  it('knows who may read whomever, so that nothing need be known of a patient', () => {
    const service: Principal = { kind: 'client', clientId: 'c', scopes: ['system/*.rs'], purposes: ['TREAT', 'HRESCH', 'PUBHLTH'] };
    const whoever = (principal: Principal, purpose: (typeof purposes)[number] = 'TREAT', resourceType?: string) =>
      shipped.allowsWhoever({ tenant: 1, principal, authority: 'patient.read', purpose, ...(resourceType === undefined ? {} : { resourceType }) });
    expect(whoever(service)).toBe(true);
    // A patient may be restricted, or its purpose not the account's, or the type not in its scopes.
    expect(whoever(service, 'PUBHLTH')).toBe(false);
    expect(whoever(service, 'HRESCH')).toBe(false);
    expect(whoever({ ...service, purposes: ['PUBHLTH'] })).toBe(false);
    expect(whoever({ ...service, scopes: ['system/Patient.rs'] }, 'TREAT', 'Observation')).toBe(false);
    expect(whoever(nurse)).toBe(false);
    expect(whoever({ ...nurse, role: 'auditor' })).toBe(false);
    const open = policyOf('@id("open") permit (principal is User, action == Action::"patient.read", resource is Patient);');
    expect(open.allowsWhoever({ tenant: 1, principal: nurse, authority: 'patient.read', purpose: 'TREAT' })).toBe(true);
    expect(open.allowsWhoever({ tenant: 1, principal: { ...nurse, via: { clientId: 'app', scopes: ['patient/*.rs'], patientId: 'p' } }, authority: 'patient.read', purpose: 'TREAT' })).toBe(false);
  });

  it('compiles for whoever asks for a list of patients', () => {
    for (const principal of Object.values(askers)) {
      for (const authority of ['patient.read', 'lineage.read', 'rights.manage'] as const) {
        expect(shipped.filter({ tenant: 1, principal, authority, purpose: 'TREAT' }, { alias: 'f', from: 1 }).sql).not.toBe('');
      }
    }
  });

  it('keeps a token that is bound to a patient to it', async () => {
    const principal: UserPrincipal = { ...nurse, via: { clientId: 'app', scopes: ['patient/*.rs'], patientId: '00000000-0000-0000-0000-000000000001' } };
    const { sql, values } = shipped.filter({ tenant: 1, principal, authority: 'patient.read', purpose: 'TREAT' }, { alias: 'f', from: 1 });
    const rows = await db.query(`
      select n from (
        select n, ('00000000-0000-0000-0000-00000000000' || n)::uuid as patient_id, null::uuid as root_id, '{A/1}'::text[] as care_units, false as restricted, '{}'::text[] as emergency_for from generate_series(0, 3) n
      ) f where ${sql}`, values);
    expect(rows).toEqual([{ n: 1 }]);
    expect(shipped.filter({ tenant: 1, principal: { ...principal, via: { ...principal.via!, scopes: [] } }, authority: 'patient.read', purpose: 'TREAT' }, { alias: 'f', from: 1 }).sql).toBe('false');
  });
});

describe('a decision', () => {
  it('is kept by what it depends on: a hit costs microseconds, a miss well under a millisecond', () => {
    const policy = policyOf(`@id("p") permit (principal is User, action, resource is Patient) when { principal.careUnits.containsAny(resource.careUnits) };`);
    const ask = (subject: PatientFacts) => policy.decide({ tenant: 1, principal: nurse, authority: 'patient.read', purpose: 'TREAT', subject });
    ask(patient);
    const hits = perCall(20_000, () => ask(patient));
    const misses = perCall(300, (n) => ask({ ...patient, careUnits: ['*', `unit-${n}`] }));
    process.stdout.write(`decision: ${(hits * 1_000).toFixed(1)} µs when kept, ${(misses * 1_000).toFixed(0)} µs when not\n`);
    expect(hits).toBeLessThan(0.02);
    expect(misses).toBeLessThan(5);
  });
});

function perCall(times: number, work: (n: number) => unknown): number {
  const from = performance.now();
  for (let n = 0; n < times; n += 1) work(n);
  return (performance.now() - from) / times;
}
