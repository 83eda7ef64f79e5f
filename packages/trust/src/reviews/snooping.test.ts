import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { silentLog, uuidv7 } from '@primum/base';
import { createSequencer } from '@primum/store';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { userPrincipal, type Purpose, type UserPrincipal } from '../access/principal.ts';
import type { PatientFacts, Policy } from '../policy/policy.ts';
import { codeOf, openTestTrust, type TestTrust } from '../testing/test-trust.ts';
import { openReview } from './open-review.ts';
import { detectSnooping, type SnoopingDeps } from './snooping.ts';
import { parseSnoopingRules } from './snooping-rules.ts';
import { volumeLimit } from './unusual-volume.ts';

const tenant = 1;
const rulesFile = (): unknown => JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', '..', '..', 'policies', 'snooping.json'), 'utf8'));
const hourMs = 3_600_000;
const start = new Date('2026-03-01T00:00:00.000Z').getTime();

/** A hospital of one site and three wards, held in memory: what the record's owner would hand in. */
type Person = { patientId: string; ward: string | null; surname: string; address: string; vip: boolean; rootId: string };
type Staff = { principal: UserPrincipal; units: string[]; isPatient: string[] };

function hospital() {
  const people = new Map<string, Person>();
  const staff = new Map<string, Staff>();
  const admit = (more: Partial<Person> = {}): Person => {
    const patientId = uuidv7();
    const person = { patientId, ward: 'W1', surname: `Rare${people.size}`, address: `Street ${people.size}, 1000 Town`, vip: false, rootId: patientId, ...more };
    people.set(patientId, person);
    return person;
  };
  const employ = (username: string, units: string[], isPatient: string[] = []): UserPrincipal => {
    const principal = userPrincipal({ userId: uuidv7(), username, role: 'clinician' });
    staff.set(principal.userId, { principal, units, isPatient });
    return principal;
  };
  const unitsOf = ({ ward }: Person): string[] => (ward === null ? [] : ['*', 'SITE', `SITE/${ward}`]);
  const factsOf: Policy['factsOf'] = async (_sql, _tenant, ids) => ids.flatMap((id): PatientFacts[] => {
    const person = people.get(id);
    return person === undefined ? [] : [{ patientId: id, rootId: person.rootId, careUnits: unitsOf(person), restricted: false, aiOptOut: false, researchOptOut: false, vip: person.vip, emergencyFor: [] }];
  });
  const handedIn: Pick<SnoopingDeps, 'groups' | 'staffLinks' | 'careUnits' | 'households'> = {
    groups: async (_sql, _tenant, ids) => {
      const roots = new Set(ids.map((id) => people.get(id)?.rootId));
      return [...people.values()].filter(({ rootId }) => roots.has(rootId)).map(({ patientId, rootId }) => ({ patientId, rootId }));
    },
    staffLinks: async (_sql, _tenant, { userIds, patientIds }) => [...staff].flatMap(([userId, { isPatient }]) =>
      isPatient.filter((patientId) => userIds.includes(userId) || patientIds.includes(patientId)).map((patientId) => ({ userId, patientId }))),
    careUnits: async (_sql, _tenant, userIds) => new Map(userIds.map((id) => [id, staff.get(id)?.units ?? []])),
    households: {
      versionsOf: async (_sql, _tenant, ids) => new Map(ids.map((id) => [id, 1])),
      read: async (_sql, reader, ids) => {
        reader.note({ patientIds: ids });
        return ids.flatMap((patientId) => {
          const person = people.get(patientId);
          return person === undefined ? [] : [{ patientId, version: 1, surnames: [person.surname], addresses: [person.address] }];
        });
      },
    },
  };
  return { people, staff, admit, employ, factsOf, handedIn };
}

describe('the snooping detector', () => {
  const world = hospital();
  let trust: TestTrust;
  let deps: SnoopingDeps;
  let looks = 0;
  const expected: string[] = [];
  const expectFinding = (kind: string, who: UserPrincipal, whom: Person | null): void => { expected.push(`${kind} ${who.username} ${whom?.patientId ?? '-'}`); };

  const look = async (who: UserPrincipal, whom: readonly Person[], atMs: number, { purpose = 'TREAT', action = 'patient.read' }: { purpose?: Purpose; action?: string } = {}): Promise<string[]> => {
    looks += whom.length;
    await trust.audit.write(trust.db, whom.map(({ patientId }, i) => ({ tenant, action, outcome: 'success', principal: who, purpose, patientId, at: new Date(atMs + i * 1_000) })));
    return (await trust.db.query<{ id: string }>('select id from audit_event where actor = $1 order by id desc limit $2', [`user:${who.username}`, whom.length])).map(({ id }) => id);
  };
  const breakGlass = async (who: UserPrincipal, whom: Person, atMs: number): Promise<void> => {
    const auditEventIds = await look(who, [whom], atMs, { purpose: 'BTG' });
    await trust.db.transaction((tx) => openReview(tx, { tenant, kind: 'emergency-access', actor: `user:${who.username}`, userId: who.userId, patientId: whom.patientId, at: new Date(atMs), auditEventIds, score: 0.7 }));
    expectFinding('emergency-access', who, whom);
  };
  const detect = async (atMs: number): Promise<void> => {
    trust.clock.set(new Date(atMs));
    const sequencer = createSequencer({ db: trust.db, log: silentLog }, { pollMs: 5, auditEveryMs: 5 });
    for (let i = 0; i < 500; i += 1) {
      const [row] = await trust.db.query<{ n: number }>('select count(*)::int as n from audit_event where seq is null', []);
      if (row!.n === 0) break;
      await new Promise((resolve) => { setTimeout(resolve, 10); });
    }
    await sequencer.close();
    while (await detectSnooping(deps, tenant));
  };
  const found = async (): Promise<string[]> => (await trust.db.query<{ kind: string; actor: string; patient_id: string | null }>('select kind, actor, patient_id from review_item', []))
    .map(({ kind, actor, patient_id }) => `${kind} ${actor.slice('user:'.length)} ${patient_id ?? '-'}`);

  beforeAll(async () => {
    trust = await openTestTrust();
    deps = { ...trust, policy: { ...trust.policy, factsOf: world.factsOf }, log: silentLog, rules: parseSnoopingRules(rulesFile()), ...world.handedIn };
  });
  afterAll(() => trust.close());

  it('finds what is planted among ordinary work, and nothing else', async () => {
    const wards = ['W1', 'W2', 'W3'];
    const patients = wards.map((ward) => Array.from({ length: 20 }, (_, i) => world.admit({ ward, surname: i < 3 ? 'Common' : `Name${ward}${i}` })));
    const nurses = wards.map((ward) => ['a', 'b', 'c', 'd'].map((letter) => world.employ(`${letter}${ward.toLowerCase()} common`, [`SITE/${ward}`])));
    const consultant = world.employ('consultant common', ['*']);
    const [w1 = [], w2 = [], w3 = []] = patients;

    // Who does what later is there from the start.
    const annAsPatient = world.admit({ ward: 'W3', surname: 'Ann', address: 'Annweg 1' });
    const annMerged = world.admit({ ward: null, rootId: annAsPatient.patientId, surname: 'Ann' });
    const ann = world.employ('ann', ['SITE/W1'], [annAsPatient.patientId]);
    const carl = world.employ('carl', ['SITE/W1']);
    const dora = world.employ('dora zellweger', ['SITE/W1']);
    const emilAsPatient = world.admit({ ward: null, surname: 'Emil', address: 'Seestr. 7, 8001 Zürich' });
    const emil = world.employ('emil', ['SITE/W1'], [emilAsPatient.patientId]);
    const fred = world.employ('fred', ['SITE']);
    const gina = world.employ('gina', ['SITE/W2']);
    const hugo = world.employ('hugo', ['SITE/W2']);
    const ida = world.employ('ida', ['SITE/W2']);
    const jan = world.employ('jan', ['SITE/W2']);
    const people = [...nurses.flat(), consultant, ann, carl, dora, emil, fred, gina, hugo, ida, jan];
    for (const { userId, username } of people) {
      await trust.db.query('insert into app_user (tenant, id, username, display_name, role, password_hash) values (1, $1, $2, $2, \'clinician\', \'-\')', [userId, username]);
    }

    // 30 hours of ordinary work: nurses with their own ward's patients, a consultant and Fred with anybody's.
    for (let hour = 0; hour < 30; hour += 1) {
      for (const [w, ward] of nurses.entries()) {
        for (const [n, nurse] of ward.entries()) await look(nurse, Array.from({ length: 3 + (hour + n) % 3 }, (_, i) => patients[w]![(hour * 7 + n * 5 + i) % 20]!), start + hour * hourMs + n * 60_000);
      }
      await look(consultant, [w1[hour % 20]!, w2[hour % 20]!, w3[hour % 20]!], start + hour * hourMs);
      await look(fred, [w1[hour % 20]!, w2[(hour + 3) % 20]!, w2[(hour + 4) % 20]!], start + hour * hourMs);
    }
    // Near misses, each by a hair: they must stay silent.
    const vipOnW1 = world.admit({ ward: 'W1', vip: true });
    await look(carl, [vipOnW1, vipOnW1], start + hourMs); // treats the VIP
    await look(nurses[2]![0]!, [annAsPatient], start + hourMs); // treats the colleague
    await look(consultant, [...w1.slice(0, 12), ...w2.slice(0, 12)], start + 3 * hourMs); // 24 patients in an hour
    for (let i = 0; i < 3; i += 1) await breakGlass(jan, w1[i + 4]!, start + (5 + i) * hourMs); // three emergencies
    const soonOnW2 = world.admit({ ward: 'W1' });
    await look(hugo, [soonOnW2], start + 20 * hourMs); // transferred to Hugo's ward before the question is asked again
    await look(carl, [w2[9]!], start + 6 * hourMs, { action: 'worklist.read' }); // stood on a list
    await look(jan, [vipOnW1, annAsPatient], start + 7 * hourMs, { purpose: 'PATRQT' }); // served a right of theirs
    await look(jan, [...w1, ...w2, ...w3, ...w3], start + 8 * hourMs, { purpose: 'HRESCH' }); // read pseudonyms
    await trust.audit.write(trust.db, [{ tenant, action: 'patient.read', outcome: 'minor-failure', principal: carl, purpose: 'TREAT', patientId: w3[1]!.patientId, at: new Date(start) }]); // was refused

    await detect(start + 31 * hourMs - 60_000);
    expect((await found()).sort()).toEqual([...expected].sort());

    // Planted, one of each kind.
    const later = start + 40 * hourMs;
    await look(ann, [annAsPatient, annMerged, annAsPatient], later);
    expectFinding('own-record', ann, annAsPatient);
    await look(carl, [annMerged], later);
    expectFinding('colleague', carl, annAsPatient);
    const vipOnW3 = world.admit({ ward: 'W3', vip: true });
    await look(carl, [vipOnW3], later);
    expectFinding('vip', carl, vipOnW3);
    await look(consultant, [vipOnW3], later); // works for the whole hospital, treats nobody on W3
    expectFinding('vip', consultant, vipOnW3);
    const zellweger = world.admit({ ward: 'W3', surname: 'Zellwéger' });
    await look(dora, [zellweger], later);
    expectFinding('same-surname', dora, zellweger);
    const neighbour = world.admit({ ward: 'W1', surname: 'Other', address: 'seestr 7  8001 Zurich' });
    await look(emil, [neighbour], later);
    expectFinding('same-address', emil, neighbour);
    await look(fred, [...w1, ...w2], later);
    expectFinding('unusual-volume', fred, null);
    const discharged = world.admit({ ward: null });
    await look(gina, [discharged], later);
    expectFinding('no-relationship', gina, discharged);
    for (let i = 0; i < 4; i += 1) await breakGlass(ida, w3[i + 4]!, later + i * hourMs);
    expectFinding('many-emergencies', ida, null);

    soonOnW2.ward = 'W2';
    await detect(later + 4 * hourMs);
    expect((await found()).includes(`no-relationship gina ${discharged.patientId}`)).toBe(false);
    await detect(later + 25 * hourMs);

    const all = await found();
    const falsePositives = all.filter((one) => !expected.includes(one));
    const missed = expected.filter((one) => !all.includes(one));
    console.log(`snooping: ${looks} looks, ${expected.length} planted, ${all.length - falsePositives.length} found, ${falsePositives.length} false positives`);
    expect({ falsePositives, missed }).toEqual({ falsePositives: [], missed: [] });
    expect(all.length).toBe(expected.length);
    expect(looks).toBeGreaterThan(500);
  });

  it('names the looks, puts findings on the audit log, and keeps names and addresses out of its table', async () => {
    const [own] = await trust.db.query<{ id: string; audit_event_ids: string[]; detail: unknown }>('select id, audit_event_ids, detail from review_item where kind = \'own-record\'', []);
    expect(own!.detail).toEqual({ looks: 3 });
    const named = await trust.db.query<{ actor: string }>('select actor from audit_event where id = any($1::uuid[])', [own!.audit_event_ids]);
    expect(named.map(({ actor }) => actor)).toEqual(['user:ann', 'user:ann', 'user:ann']);
    const opened = await trust.db.query('select 1 from audit_event where action = \'review.opened\' and actor = \'system:trust\'', []);
    expect(opened.length).toBe(expected.filter((one) => !one.startsWith('emergency-access')).length);
    const [household] = await trust.db.query<{ n: number; lengths: number[] }>('select count(*)::int as n, array_agg(distinct octet_length(t)) as lengths from patient_household cross join lateral unnest(surname_tokens || address_tokens) t', []);
    expect(household!.lengths).toEqual([32]);
    const read = await trust.db.query('select 1 from audit_event where action = \'household.read\' and actor = \'system:trust\' and purpose = \'HCOMPL\'', []);
    expect(read.length).toBeGreaterThan(0);
  });

  it('goes on where it ended, and makes nothing twice', async () => {
    const before = await found();
    expect(await detectSnooping(deps, tenant)).toBe(false);
    await trust.db.query('update review_progress set seq = 0', []); // as after a crash in which the place was lost
    while (await detectSnooping(deps, tenant));
    expect((await found()).sort()).toEqual(before.sort());
  });

  it('is silent where a rule is switched off', async () => {
    await trust.db.query('delete from review_item', []);
    await trust.db.query('update review_progress set seq = 0', []);
    const json = rulesFile() as Record<string, object>; // the file's top is an object, as the parser checks
    const off = Object.fromEntries(Object.entries(json).map(([name, rule]) => [name, Array.isArray(rule) || typeof rule === 'string' ? rule : { ...rule, enabled: false }]));
    const silent = { ...deps, rules: parseSnoopingRules(off) };
    while (await detectSnooping(silent, tenant));
    expect(await found()).toEqual([]);
  });
});

describe('the rules', () => {
  it('are refused with the place that is wrong', async () => {
    const json = rulesFile() as Record<string, Record<string, unknown>>; // as above
    expect(await codeOf(() => parseSnoopingRules({ ...json, vip: { ...json['vip'], score: 2 } }))).toBe('config.invalid');
    expect(await codeOf(() => parseSnoopingRules({ ...json, unusualVolume: { ...json['unusualVolume'], deviations: '5' } }))).toBe('config.invalid');
    expect(await codeOf(() => parseSnoopingRules({ ...json, colleague: { enabled: true, score: 1 } }))).toBe('config.invalid');
  });

  it('call a volume unusual by median and median deviation', () => {
    const rule = parseSnoopingRules(rulesFile()).unusualVolume;
    const hours = (patients: number): number[] => Array.from({ length: 20 }, () => patients);
    expect(volumeLimit(rule, [], [])).toBe(60);
    expect(volumeLimit(rule, hours(3), [])).toBe(25); // the minimum
    expect(volumeLimit(rule, hours(30), hours(4))).toBeCloseTo(30 + 5 * 1.4826); // usual for the person
    expect(volumeLimit(rule, hours(4), hours(30))).toBeCloseTo(30 + 5 * 1.4826); // usual for the role
    // Deviations from the median 22 of 10…34 in steps of 2 (13 values, twice): their median is 6.
    const spread = Array.from({ length: 26 }, (_, i) => 10 + 2 * (i % 13));
    expect(volumeLimit(rule, spread, [])).toBeCloseTo(22 + 5 * 1.4826 * 6);
    expect(volumeLimit(rule, [...hours(30), 5_000, 5_000], [])).toBeCloseTo(30 + 5 * 1.4826); // past excesses do not lift it
  });
});
