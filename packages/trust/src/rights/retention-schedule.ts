import { dataClasses, type DataClass } from '@primum/contract';
import { jsonShape } from '@primum/base';

/**
 * How long each class of data is kept: hot, then archived (null: never), then disposed of (null: never). `basis` says
 * by which rule. The medical record as a whole is kept for `recordYearsAfterLastStay` years: the duty to keep records
 * under which an erasure is refused.
 */
export type RetentionSchedule = { recordYearsAfterLastStay: number; classes: readonly ClassRetention[] };
export type ClassRetention = { dataClass: DataClass; tables: readonly string[]; archiveAfterDays: number | null; disposeAfterDays: number | null; basis: string };

const { object, list, text, number, oneOf, invalid } = jsonShape('rights.retention-invalid');
const maxYears = 200;

/** Checks a parsed schedule; throws `rights.retention-invalid` with the place of the first mistake. */
export function parseRetentionSchedule(json: unknown): RetentionSchedule {
  const root = object(json, 'schedule');
  const whole = (value: unknown, at: string, max: number): number => {
    const found = number(value, at);
    if (!Number.isInteger(found) || found < 0 || found > max) throw invalid(`${at} is not a whole number from 0 to ${max}`);
    return found;
  };
  const days = (value: unknown, at: string): number | null => (value === null ? null : whole(value, at, maxYears * 366));
  const classes = list(root['classes'], 'classes').map((item, index): ClassRetention => {
    const at = `classes[${index}]`;
    const row = object(item, at);
    return {
      dataClass: oneOf(row['class'], dataClasses, `${at}.class`),
      tables: list(row['tables'], `${at}.tables`).map((name) => text(name, `${at}.tables`)),
      archiveAfterDays: days(row['archiveAfterDays'], `${at}.archiveAfterDays`),
      disposeAfterDays: days(row['disposeAfterDays'], `${at}.disposeAfterDays`),
      basis: text(row['basis'], `${at}.basis`),
    };
  });
  const missing = dataClasses.find((name) => classes.filter(({ dataClass }) => dataClass === name).length !== 1);
  if (missing !== undefined) throw invalid(`classes must name ${missing} once`);
  if (classes.some(({ dataClass, disposeAfterDays }) => dataClass === 'audit' && disposeAfterDays !== null)) throw invalid('the audit log is not disposed of');
  return { recordYearsAfterLastStay: whole(root['recordYearsAfterLastStay'], 'recordYearsAfterLastStay', maxYears), classes };
}
