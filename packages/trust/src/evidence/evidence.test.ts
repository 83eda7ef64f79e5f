import { uuidv7 } from '@primum/base';
import type { Agreement } from '@primum/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mintSystemPrincipal, userPrincipal } from '../access/principal.ts';
import { codeOf, openTestTrust, type TestTrust } from '../testing/test-trust.ts';
import { addAgreement, coverFlows, endAgreement, listAgreements, type Flow } from './agreements.ts';
import { breachClocks } from './breach-clocks.ts';
import { listBreaches, openBreach, readBreach, stepBreach } from './breach.ts';

const tenant = 1;
const operator = mintSystemPrincipal('cli:tester');
const stolen = userPrincipal({ userId: uuidv7(), username: 'stolen', role: 'clinician' });
let trust: TestTrust;
beforeAll(async () => {
  trust = await openTestTrust();
  await trust.db.query(`insert into app_user (tenant, id, username, display_name, role, password_hash) values (1, $1, 'stolen', 'Stolen', 'clinician', 'x')`, [stolen.userId]);
});
afterAll(() => trust.close());

const flow: Flow = { id: 'client:acme', what: 'Acme reads', to: 'Acme', personal: true };
const agreement = { party: 'Acme', kind: 'business-associate', scope: 'Reads observations', flows: ['client:acme'], validFrom: '2026-01-01', validTo: '2026-12-31' } as const;

describe('the register of agreements', () => {
  it('covers a flow while an agreement is in force, and flags it before, after and once it was ended', async () => {
    const { id } = await addAgreement(trust, tenant, operator, { ...agreement, flows: [...agreement.flows] });
    const at = async (day: string) => coverFlows([flow], await listAgreements(trust, tenant), new Date(`${day}T12:00:00Z`))[0]!;
    expect(await at('2025-12-31')).toMatchObject({ covered: false, agreementId: null });
    expect(await at('2026-12-01')).toMatchObject({ covered: true, agreementId: id, endsInDays: 30 });
    expect(await at('2027-01-01')).toMatchObject({ covered: false });
    await endAgreement(trust, tenant, operator, id);
    expect(await at('2026-12-01')).toMatchObject({ covered: false });
    expect(await codeOf(() => endAgreement(trust, tenant, operator, id))).toBe('agreement.not-found');
  });

  it('asks none for a flow without personal data, and takes the longest of several', () => {
    const of = (validTo: string | null): Agreement => ({ ...agreement, flows: ['client:acme'], id: uuidv7(), validTo, recordedBy: 'x', endedAt: null });
    expect(coverFlows([{ ...flow, personal: false }], [], new Date())[0]!.covered).toBeNull();
    expect(coverFlows([flow], [of('2026-06-01'), of(null)], new Date('2026-05-01'))[0]).toMatchObject({ covered: true, endsInDays: null });
  });

  it('is written by who may, in order, and stands on the audit log', async () => {
    const privacy = userPrincipal({ userId: uuidv7(), username: 'p', role: 'privacy-officer' });
    const auditor = userPrincipal({ userId: uuidv7(), username: 'a', role: 'auditor' });
    expect(await codeOf(() => addAgreement(trust, tenant, auditor, { ...agreement, flows: ['x y'] }))).toBe('auth.forbidden');
    expect(await codeOf(() => addAgreement(trust, tenant, privacy, { ...agreement, flows: ['xy'], validTo: '2025-01-01' }))).toBe('api.request-invalid');
    const [row] = await trust.db.query<{ count: number }>(`select count(*) from audit_event where action in ('agreement.added', 'agreement.ended') and outcome = 'success'`, []);
    expect(row!.count).toBe(2);
  });
});

describe('a compromised account', () => {
  it('leads to exactly the people whose data it saw, through any kind of use, with what and why', async () => {
    const people = Array.from({ length: 40 }, () => uuidv7());
    const at = (minute: number): Date => new Date(Date.UTC(2026, 2, 1, 2, minute));
    const write = (events: Parameters<TestTrust['audit']['write']>[1]) => trust.audit.write(trust.db, events);
    const base = { tenant, outcome: 'success', principal: stolen, purpose: 'TREAT' } as const;
    await write([
      { ...base, action: 'worklist.read', patientIds: people.slice(0, 4), at: at(10) },
      { ...base, action: 'patient.read', patientId: people[4]!, at: at(11) },
      { ...base, action: 'resource.read', patientId: people[5]!, purpose: 'BTG', at: at(12) },
      { ...base, action: 'resource.read', patientId: people[5]!, purpose: 'BTG', at: at(13) },
      { ...base, action: 'lineage.read', patientIds: people.slice(5, 7), at: at(14) },
      // Refused, earlier, later, or somebody else: not seen by the thief.
      { ...base, action: 'patient.read', outcome: 'minor-failure', patientId: people[10]!, at: at(15) },
      { ...base, action: 'patient.read', patientId: people[11]!, at: at(5) },
      { ...base, action: 'patient.read', patientId: people[12]!, at: at(50) },
      { ...base, action: 'patient.read', principal: userPrincipal({ userId: uuidv7(), username: 'honest', role: 'clinician' }), patientId: people[13]!, at: at(12) },
    ]);
    const { id, status } = await openBreach(trust, tenant, operator, { kind: 'account', subject: 'stolen', from: at(10).toISOString(), to: at(40).toISOString(), discoveredAt: at(45).toISOString(), drill: true });
    expect(status).toBe('opened');
    const report = await readBreach(trust, tenant, operator, id);
    expect(report.affectedCount).toBe(7);
    expect(new Set(report.affected.map(({ patientId }) => patientId))).toEqual(new Set(people.slice(0, 7)));
    expect(report.affected[0]).toMatchObject({ patientId: people[5], times: 3, actions: ['lineage.read', 'resource.read'], purposes: ['BTG', 'TREAT'], firstAt: at(12).toISOString(), lastAt: at(14).toISOString() });
    expect(report.actions).toContainEqual({ action: 'patient.read', outcome: 'minor-failure', times: 1 });
    expect((await listBreaches(trust, tenant)).map((one) => one.id)).toContain(id);
  });

  it('is worked through in order; notes are sealed', async () => {
    const { id } = (await listBreaches(trust, tenant))[0]!; // made just before
    expect(await codeOf(() => stepBreach(trust, tenant, operator, id, { event: 'notify', note: 'too early' }))).toBe('breach.transition-invalid');
    const steps = [['contain', 'Account disabled, sessions ended'], ['assess', 'Seven people; low risk is not shown'], ['notify', 'Letters sent to seven'], ['close', 'Lessons are in the minutes']] as const;
    for (const [event, note] of steps) await stepBreach(trust, tenant, operator, id, { event, note });
    const report = await readBreach(trust, tenant, operator, id);
    expect(report.status).toBe('closed');
    expect(report.steps.map(({ event, note }) => [event, note])).toEqual(steps);
    const [row] = await trust.db.query<{ text: string }>('select string_agg(s::text, \' \') as text from breach_step s', []);
    expect(row!.text).not.toContain(Buffer.from('Letters').toString('hex'));
  });

  it('must name an account that there is, and times in order', async () => {
    const asked = { kind: 'account', subject: 'nobody', from: '2026-01-02T00:00:00.000Z', to: '2026-01-03T00:00:00.000Z', discoveredAt: '2026-01-03T00:00:00.000Z', drill: true } as const;
    expect(await codeOf(() => openBreach(trust, tenant, operator, asked))).toBe('auth.user-missing');
    expect(await codeOf(() => openBreach(trust, tenant, operator, { ...asked, to: '2026-01-01T00:00:00.000Z' }))).toBe('api.request-invalid');
  });
});

describe('the clocks of a breach', () => {
  it('run from the discovery: 72 hours, 60 days, and by number for media and the Secretary', () => {
    const discovered = new Date('2026-03-10T08:00:00Z');
    const of = (affected: number) => breachClocks(discovered, affected, discovered).map(({ source, due }) => [source, due]);
    expect(of(7)).toEqual([
      ['GDPR Article 33(1)', '2026-03-13T08:00:00.000Z'], ['GDPR Article 34(1)', '2026-03-13T08:00:00.000Z'], ['45 CFR 164.404(b)', '2026-05-09T08:00:00.000Z'],
      ['45 CFR 164.408(c)', '2027-03-02T00:00:00.000Z'],
    ]);
    expect(of(500).map(([source]) => source)).toEqual(['GDPR Article 33(1)', 'GDPR Article 34(1)', '45 CFR 164.404(b)', '45 CFR 164.408(b)']);
    expect(of(501).map(([source]) => source)).toContain('45 CFR 164.406(b)');
    expect(breachClocks(discovered, 7, new Date('2026-03-13T20:00:00Z'))[0]!.hoursLeft).toBe(-12);
  });
});
