import { jsonShape } from '@primum/base';
import type { QualityRule, RuleAction, RuleKind } from './rule.ts';

const { object, list, text, number, oneOf, invalid } = jsonShape('config.invalid');

const kinds: readonly RuleKind[] = [
  'range', 'unit', 'future', 'flagged', 'before-birth', 'after-death', 'stay-order', 'late', 'jump', 'stuck', 'duplicate', 'missing', 'age-unknown', 'refused', 'silent',
];
/** Judged before a fact is written, so they alone can keep it from being used. */
const actingKinds: ReadonlySet<RuleKind> = new Set(['range', 'unit', 'future']);
const idShape = /^[a-z0-9][a-z0-9-]{0,63}$/;
const mostRules = 2_000;

/** `{ "rules": [...] }`, `file` naming it in errors. Throws config.invalid with the place of the first mistake. */
export function parseRules(json: unknown, file: string): QualityRule[] {
  const items = list(object(json, file)['rules'], `${file}: rules`);
  if (items.length > mostRules) throw invalid(`${file}: rules has more than ${mostRules}`);
  const seen = new Set<string>();
  return items.map((item, index) => {
    const at = `${file}: rules[${index}]`;
    const rule = parseRule(object(item, at), at);
    if (seen.has(rule.id)) throw invalid(`${at}.id: ${rule.id} stands twice`);
    seen.add(rule.id);
    return rule;
  });
}

function parseRule(item: Record<string, unknown>, at: string): QualityRule {
  const id = text(item['id'], `${at}.id`);
  if (!idShape.test(id)) throw invalid(`${at}.id is not of a-z, 0-9 and -`);
  const kind = oneOf(item['kind'], kinds, `${at}.kind`);
  const action = oneOf<RuleAction>(item['action'], ['pass', 'flag', 'quarantine'], `${at}.action`);
  const ages = item['ages'] === undefined ? undefined : pair(item['ages'], `${at}.ages`);
  if (action !== 'pass' && !actingKinds.has(kind)) throw invalid(`${at}.action: a rule of kind ${kind} looks at what is written already, so it can only pass`);
  if (action !== 'pass' && ages !== undefined) throw invalid(`${at}.action: a rule for ages is judged behind the record, so it can only pass`);
  const base = {
    id, action, severity: oneOf(item['severity'], ['error', 'warning', 'notice'] as const, `${at}.severity`),
    text: text(item['text'], `${at}.text`), fix: text(item['fix'], `${at}.fix`),
    ...(item['sources'] === undefined ? {} : { sources: texts(item['sources'], `${at}.sources`) }),
    ...(item['codes'] === undefined ? {} : { codes: texts(item['codes'], `${at}.codes`) }),
  };
  const above0 = (name: string): number => {
    const value = number(item[name], `${at}.${name}`);
    if (value <= 0) throw invalid(`${at}.${name} is not above 0`);
    return value;
  };
  const needCodes = (): void => {
    if (base.codes === undefined) throw invalid(`${at}.codes is missing: a rule of kind ${kind} is about some codes`);
  };
  switch (kind) {
    case 'range': {
      needCodes();
      const [low, high] = pair([item['low'], item['high']], `${at}.low and high`);
      return { ...base, kind, low, high, ...(ages === undefined ? {} : { ages }) };
    }
    case 'unit': needCodes(); return { ...base, kind, units: texts(item['units'], `${at}.units`) };
    case 'future': case 'after-death': return { ...base, kind, toleranceMinutes: above0('toleranceMinutes') };
    case 'flagged': return { ...base, kind, flag: oneOf(item['flag'], ['implausible', 'unit-unknown', 'unmapped'] as const, `${at}.flag`) };
    case 'late': return { ...base, kind, maxMinutes: above0('maxMinutes') };
    case 'jump': needCodes(); return { ...base, kind, max: above0('max'), withinMinutes: above0('withinMinutes') };
    case 'stuck': {
      needCodes();
      const times = above0('times');
      if (!Number.isInteger(times) || times < 2 || times > 10_000) throw invalid(`${at}.times is not a whole number from 2 to 10000`);
      return { ...base, kind, times };
    }
    case 'missing': needCodes(); return { ...base, kind };
    case 'refused': return { ...base, kind, reasons: texts(item['reasons'], `${at}.reasons`) };
    case 'silent': return { ...base, kind, times: above0('times'), coldStartMinutes: above0('coldStartMinutes'), leastMinutes: above0('leastMinutes') };
    case 'before-birth': case 'stay-order': case 'duplicate': case 'age-unknown': return { ...base, kind };
  }
}

function texts(value: unknown, at: string): ReadonlySet<string> {
  const found = list(value, at).map((each, index) => text(each, `${at}[${index}]`));
  if (found.length === 0) throw invalid(`${at} is empty`);
  return new Set(found);
}

function pair(value: unknown, at: string): readonly [number, number] {
  const [low, high, ...rest] = list(value, at);
  if (rest.length > 0 || number(low, at) > number(high, at)) throw invalid(`${at} is not a range`);
  return [number(low, at), number(high, at)];
}
