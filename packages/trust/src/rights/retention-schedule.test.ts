import { readFileSync } from 'node:fs';
import { dataClasses } from '@primum/contract';
import { describe, expect, it } from 'vitest';
import { parseRetentionSchedule } from './retention-schedule.ts';

type Shipped = { recordYearsAfterLastStay: unknown; classes: Record<string, unknown>[] };
const shipped = (): Shipped => JSON.parse(readFileSync(new URL('../../../../policies/retention.json', import.meta.url), 'utf8')) as Shipped; // its shape is what is tested

describe('the retention schedule', () => {
  it('that is shipped names every class once, with its basis', () => {
    const { classes, recordYearsAfterLastStay } = parseRetentionSchedule(shipped());
    expect(classes.map(({ dataClass }) => dataClass).sort()).toEqual([...dataClasses].sort());
    expect(recordYearsAfterLastStay).toBe(10);
  });

  it.each<[string, (schedule: Shipped) => unknown]>([
    ['a class that is missing', (schedule) => schedule.classes.pop()],
    ['a class named twice', (schedule) => schedule.classes.push(schedule.classes[0]!)],
    ['a class that nobody knows', (schedule) => schedule.classes[0]!['class'] = 'diaries'],
    ['a fraction of a day', (schedule) => schedule.classes[0]!['archiveAfterDays'] = 1.5],
    ['negative years', (schedule) => schedule.recordYearsAfterLastStay = -1],
    ['an audit log that is disposed of', (schedule) => schedule.classes.find((row) => row['class'] === 'audit')!['disposeAfterDays'] = 3_000],
    ['no basis', (schedule) => schedule.classes[0]!['basis'] = ''],
  ])('refuses %s', (_what, change) => {
    const schedule = shipped();
    change(schedule);
    expect(() => parseRetentionSchedule(schedule)).toThrow(expect.objectContaining({ code: 'rights.retention-invalid' }));
  });
});
