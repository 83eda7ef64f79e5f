import { manualClock } from '@primum/base';
import type { Sql, StreamEvent } from '@primum/store';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestIngest, facility, message, obr, obx, pid, pv1, tenant, type TestIngest } from '../testing/test-ingest.ts';
import { createQualityHandle, keptPerHour } from './consume-changes.ts';
import { dayMs, hourMs } from './feed-rhythm.ts';
import { loadQualityRules } from './load-rules.ts';
import { parseRules } from './parse-rules.ts';
import { readQuality, trimQuality } from './read-quality.ts';
import { newWatch, watchFeeds } from './watch-feeds.ts';

const clock = manualClock(new Date('2026-01-05T12:00:00Z'));
const shipped = await loadQualityRules();
const rules = [...shipped, ...parseRules({ rules: [
  { id: 'laboratory-has-no-pulse', kind: 'range', codes: ['8867-4'], sources: [`SIMLAB|${facility}`], low: 20, high: 250, severity: 'error', action: 'quarantine', text: 't', fix: 'f' },
] }, 'own.json')];
let ingest: TestIngest;
let handle: (tx: Sql, events: readonly StreamEvent[]) => Promise<() => void>;
let done = 0;

beforeAll(async () => {
  ingest = await createTestIngest(clock, rules);
  handle = createQualityHandle({ tenant, rules, clock });
});
afterAll(() => ingest.close());

/** What the outbox holds that was not judged yet, as the consumer would get it. */
async function judge(use = handle): Promise<void> {
  const events = await ingest.db.query<{ id: number; topic: string; payload: StreamEvent['payload'] }>('select id, topic, payload from outbox where id > $1 order by id', [done]);
  done = events.at(-1)?.id ?? done;
  const after = await ingest.db.transaction((tx) => use(tx, events.map(({ id, topic, payload }) => ({ tenant, seq: id, topic, key: null, payload, writtenAt: 0 }))));
  after();
}

const counts = async (): Promise<Record<string, number>> =>
  Object.fromEntries((await ingest.db.query<{ rule: string; found: number }>('select rule, sum(found)::int as found from quality_count group by rule', [])).map(({ rule, found }) => [rule, found]));
const clear = (): Promise<unknown> => ingest.db.query('delete from quality_count', []).then(() => ingest.db.query('delete from quality_finding', [])).then(() => ingest.db.query('delete from quality_hour', []));
const admit = (mrn: string, birth?: string): string => message('ADT^A01', '20260105080000', [pid(mrn, birth === undefined ? {} : { birth }), pv1(`V${mrn}`, '1', { admitted: '20260105080000' })]);
const vitals = (mrn: string, at: string, code: string, value: string, unit: string, sentAt = at): string => message('ORU^R01', sentAt, [pid(mrn), obr(`O${mrn}`, at), obx(code, value, unit, { at })]);

describe('data that come in', () => {
  it('leave no finding where they are right', async () => {
    await ingest.send(admit('Q1'), ...Array.from({ length: 20 }, (_, n) => vitals('Q1', `2026010508${String(n + 10)}00`, 'HR', String(70 + n % 9), 'bpm')));
    await judge();
    expect(await counts()).toEqual({});
    const [monitor] = (await readQuality(ingest.db, tenant, rules, clock.now())).sources.filter(({ name }) => name === `SIMMON|${facility}`);
    expect(monitor?.today).toEqual({ completeness: { value: 1, n: 20 }, validity: { value: 1, n: 20 }, timeliness: { value: 1, n: 20 }, consistency: { value: 1, n: 20 } });
  });

  it('are found out, counted and scored, once, and keep what no model may read', async () => {
    await clear();
    await ingest.send(
      admit('Q2'),
      vitals('Q2', '20260105090000', 'HR', '60', 'bpm'), vitals('Q2', '20260105090200', 'HR', '200', 'bpm'), // a jump
      vitals('Q2', '20260105090400', 'HR', '900', 'bpm'), // implausible
      vitals('Q2', '20260105090500', 'NONSENSE', '1', 'x'), // unmapped
      vitals('Q2', '20260105090600', 'HR', '190', 'bpm', '20260105111000'), // late
      vitals('Q2', '20260105130000', 'HR', '80', 'bpm', '20260105091000'), // later than its message
      vitals('NOBODY', '20260105090000', 'GLUC', '5', 'mg/dL'), message('ORU^R01', '20260105091100', [pid('Q2'), obr('X', '20260105091100'), ['OBX', '1', 'NM', ['HR', '', 'L'], '', '70', 'bpm', '', '', '', '', 'D']]), // refused
    );
    await judge();
    expect(await counts()).toMatchObject({ 'jump-heart-rate': 1, implausible: 1, 'code-unmapped': 1, 'late-vital-signs': 1, 'time-future': 1, 'message-refused': 2 });
    const future = (await ingest.facts('Q2')).rows.find(({ effectiveAt }) => effectiveAt === Date.UTC(2026, 0, 5, 13));
    expect(future).toMatchObject({ value: null, flag: 'implausible' });
    const before = await counts();
    await judge();
    expect(await counts()).toEqual(before);
    const { sources, findings } = await readQuality(ingest.db, tenant, rules, clock.now());
    const scores = sources.find(({ name }) => name === `SIMMON|${facility}`)!.today; // registered
    expect(scores.validity.value).toBeLessThan(1);
    expect(scores.timeliness.value).toBeLessThan(1);
    expect(scores.consistency.value).toBeLessThan(1);
    expect(findings.every(({ message_id: id }) => id !== null)).toBe(true);
  });

  it('are judged by what stood before, also by a process that has just begun', async () => {
    await clear();
    await ingest.send(admit('Q3'), vitals('Q3', '20260105090000', 'HR', '60', 'bpm'));
    await judge();
    await ingest.send(vitals('Q3', '20260105090100', 'HR', '195', 'bpm'));
    await judge(createQualityHandle({ tenant, rules, clock }));
    expect(await counts()).toEqual({ 'jump-heart-rate': 1 });
  });

  it('are judged again as before where a transaction was lost', async () => {
    await clear();
    await ingest.send(admit('Q4'), vitals('Q4', '20260105090000', 'HR', '60', 'bpm'), vitals('Q4', '20260105090100', 'HR', '195', 'bpm'));
    const mark = done;
    await expect(judge(async (tx, events) => {
      await handle(tx, events);
      throw new Error('lost');
    })).rejects.toThrow('lost');
    expect(await counts()).toEqual({});
    done = mark;
    await judge();
    expect(await counts()).toEqual({ 'jump-heart-rate': 1 });
  });

  it('say that an age is missing, and that two sources send the same', async () => {
    await clear();
    await ingest.send(admit('Q5', ''), message('ADT^A01', '20260105080000', [pid('Q6'), pv1('VQ6', '1', { admitted: '20260105080000' })]),
      vitals('Q6', '20260105090000', 'HR', '61', 'bpm'), message('ORU^R01', '20260105090000', [pid('Q6'), obr('OTHER', '20260105090000'), obx('HR', '61', 'bpm', { at: '20260105090000' })], { application: 'SIMLAB' }));
    await judge();
    expect(await counts()).toEqual({ 'no-age': 1, 'duplicate-source': 1 });
  });

  it('are held whole where a rule says so', async () => {
    await clear();
    const reasons = await ingest.reasons();
    await ingest.send(admit('Q7'), message('ORU^R01', '20260105090000', [pid('Q7'), obr('G', '20260105090000'), obx('HR', '260', 'bpm')], { application: 'SIMLAB' }));
    await judge();
    expect((await ingest.reasons()).slice(reasons.length)).toEqual(['quality.refused']);
    expect((await ingest.facts('Q7')).rows.filter(({ code }) => code === '8867-4')).toEqual([]);
    const [held] = await ingest.db.query<{ reason_detail: string; sealed: Buffer | null }>("select reason_detail, sealed from message where reason_code = 'quality.refused'", []);
    expect(held?.reason_detail).toContain('laboratory-has-no-pulse');
    expect(held?.sealed).not.toBeNull();
    expect(await counts()).toEqual({ 'message-refused': 1 });
  });

  it('leave a bounded number of findings and a whole count', async () => {
    await clear();
    await ingest.send(admit('Q8'), ...Array.from({ length: 30 }, (_, n) => vitals('Q8', `2026010509${String(n + 10)}00`, 'HR', '900', 'bpm')));
    await judge();
    expect(await counts()).toEqual({ implausible: 30 });
    expect(await ingest.db.query('select id from quality_finding', [])).toHaveLength(keptPerHour);
    await trimQuality(ingest.db, tenant, new Date(clock.now().getTime() + 100 * dayMs));
    expect(await ingest.db.query('select id from quality_finding', [])).toEqual([]);
  });
});

describe('a feed', () => {
  it('that falls silent becomes a finding and an event, and ends it when it is heard again', async () => {
    await clear();
    const live = manualClock(new Date('2026-02-02T00:00:00Z'));
    const deps = { db: ingest.db, audit: ingest.audit, clock: live, rules };
    const watch = newWatch(live.now().getTime());
    const name = 'SIMLAB';
    await ingest.db.query('update source set received = 1, last_received_at = null where application <> $1', [name]);
    const hear = (): Promise<unknown> => ingest.db.query('update source set received = received + 1, last_received_at = $2 where application = $1', [name, live.now()]);
    await hear();
    await watchFeeds(deps, tenant, watch); // begins to watch
    // Three weeks of two messages an hour, as if it had watched them.
    await ingest.db.query("update quality_feed set since = $1::timestamptz - interval '21 days', worst = array_fill(1.1::float8, array[7]) where source_id = (select id from source where application = $2)", [live.now(), name]);
    await ingest.db.query(`insert into quality_hour (tenant, source_id, hour, messages)
      select 1, s.id, h, 2 from source s, generate_series($1::timestamptz - interval '21 days', $1::timestamptz - interval '1 hour', interval '1 hour') h where s.application = $2`, [live.now(), name]);
    for (const end = live.now().getTime() + 25 * hourMs; live.now().getTime() < end;) {
      live.advanceMs(30 * 60_000);
      await hear();
      expect(await watchFeeds(deps, tenant, watch)).toEqual({ silent: 0, returned: 0 });
    }
    const [feed] = await ingest.db.query<{ worst: number[] }>('select worst from quality_feed where source_id = (select id from source where application = $1)', [name]);
    expect(feed?.worst).toHaveLength(8); // the longest of yesterday is learned
    expect(feed?.worst.at(-1)).toBeCloseTo(1, 0);
    let waitedMs = 0;
    while ((await watchFeeds(deps, tenant, watch)).silent === 0) {
      live.advanceMs(5 * 60_000);
      waitedMs += 5 * 60_000;
      expect(waitedMs).toBeLessThan(2 * hourMs);
    }
    process.stdout.write(`a feed that sends every half hour is called silent after ${waitedMs / 60_000} min\n`);
    expect(waitedMs).toBeGreaterThan(30 * 60_000);
    expect(await watchFeeds(deps, tenant, watch)).toEqual({ silent: 0, returned: 0 }); // said once
    const silent = async (): Promise<string[]> => (await readQuality(ingest.db, tenant, rules, live.now())).sources.flatMap((source) => (source.silentSince === null ? [] : [source.name]));
    expect(await silent()).toEqual([`${name}|${facility}`]);
    live.advanceMs(60_000);
    await hear();
    expect(await watchFeeds(deps, tenant, watch)).toEqual({ silent: 0, returned: 1 });
    expect(await silent()).toEqual([]);
    const [finding] = await ingest.db.query<{ resolved_at: Date | null }>("select resolved_at from quality_finding where kind = 'silent'", []);
    expect(finding?.resolved_at).not.toBeNull();
    const actions = await ingest.db.query<{ action: string }>("select action from audit_event where action in ('feed.silent', 'feed.returned') order by id", []);
    expect(actions.map(({ action }) => action)).toEqual(['feed.silent', 'feed.returned']);
  });

  it('is not silent while its messages wait, while Primum was down, or where its clock stands still', async () => {
    const live = manualClock(new Date('2026-03-02T00:00:00Z'));
    const restarted = newWatch(live.now().getTime());
    const deps = { db: ingest.db, audit: ingest.audit, clock: live, rules };
    expect(await watchFeeds(deps, tenant, restarted)).toEqual({ silent: 0, returned: 0 });
    await ingest.accept(message('ADT^A01', '20260105080000', [pid('Q9'), pv1('VQ9', '1', { admitted: '20260105080000' })], { application: 'SIMLAB' }));
    live.advanceMs(10 * dayMs);
    expect(await watchFeeds(deps, tenant, restarted)).toEqual({ silent: 0, returned: 0 });
    await ingest.db.query("delete from message where status = 'received'", []);
    await ingest.db.query('update site set clock_rate = 0', []);
    expect(await watchFeeds(deps, tenant, restarted)).toEqual({ silent: 0, returned: 0 });
    await ingest.db.query('update site set clock_rate = 1', []);
    expect(await watchFeeds(deps, tenant, restarted)).toEqual({ silent: 1, returned: 0 });
  });
});
