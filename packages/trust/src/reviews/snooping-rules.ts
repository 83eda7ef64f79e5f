import { jsonShape } from '@primum/base';

type Rule = { enabled: boolean; score: number };
/** Silent where a unit of the person treats the patient now; work on the whole hospital (`*`) does not count. */
type UnlessTreating = { unlessTreating: boolean };

/** `policies/snooping.json`: what the detector looks for. Scores are 0 to 1 and order the privacy office's queue. */
export type SnoopingRules = {
  /** Actions on the audit log that name patients without anybody having opened a record. */
  notLooks: readonly string[];
  /** Purposes under which nobody sees who a patient is (research reads pseudonyms). */
  notPurposes: readonly string[];
  /** The privacy office's own: it serves colleagues and prominent people too, and has no unit. */
  officePurposes: readonly string[];
  ownRecord: Rule;
  colleague: Rule & UnlessTreating;
  vip: Rule & UnlessTreating;
  /** A surname that more than `maxBearers` patients bear says nothing. */
  sameSurname: Rule & UnlessTreating & { maxBearers: number };
  sameAddress: Rule;
  /** Patients in an hour, against the last `baselineDays`; a baseline of fewer than `minHours` hours says nothing, and without one the limit is given. */
  unusualVolume: Rule & { minPatients: number; deviations: number; baselineDays: number; minHours: number; limitWithoutBaseline: number };
  noRelationship: Rule & { askAgainAfterHours: number };
  /** `times` emergency accesses of one person within `days`. */
  manyEmergencies: Rule & { times: number; days: number };
};

const { object, list, text, number, invalid } = jsonShape('config.invalid');

/** Checks the parsed file. Throws config.invalid with the place that is wrong. */
export function parseSnoopingRules(json: unknown): SnoopingRules {
  const file = object(json, 'snooping.json');
  const flag = (rule: Record<string, unknown>, name: string, at: string): boolean => {
    const value = rule[name];
    if (typeof value !== 'boolean') throw invalid(`${at}.${name} is not true or false`);
    return value;
  };
  const positive = (rule: Record<string, unknown>, name: string, at: string): number => {
    const value = number(rule[name], `${at}.${name}`);
    if (value <= 0) throw invalid(`${at}.${name} is not above 0`);
    return value;
  };
  const texts = (name: keyof SnoopingRules): string[] => list(file[name], name).map((each, i) => text(each, `${name}[${i}]`));
  const ruleOf = (name: keyof SnoopingRules): { raw: Record<string, unknown>; rule: Rule } => {
    const raw = object(file[name], name);
    const score = positive(raw, 'score', name);
    if (score > 1) throw invalid(`${name}.score is above 1`);
    return { raw, rule: { enabled: flag(raw, 'enabled', name), score } };
  };
  const treatingRule = (name: keyof SnoopingRules): Rule & UnlessTreating => {
    const { raw, rule } = ruleOf(name);
    return { ...rule, unlessTreating: flag(raw, 'unlessTreating', name) };
  };
  const numbersOf = <Key extends string>(name: keyof SnoopingRules, keys: readonly Key[]): Rule & Record<Key, number> => {
    const { raw, rule } = ruleOf(name);
    return { ...rule, ...Object.fromEntries(keys.map((key) => [key, positive(raw, key, name)])) as Record<Key, number> }; // one entry a key
  };
  return {
    notLooks: texts('notLooks'), notPurposes: texts('notPurposes'), officePurposes: texts('officePurposes'),
    ownRecord: ruleOf('ownRecord').rule,
    colleague: treatingRule('colleague'),
    vip: treatingRule('vip'),
    sameSurname: { ...treatingRule('sameSurname'), ...numbersOf('sameSurname', ['maxBearers']) },
    sameAddress: ruleOf('sameAddress').rule,
    unusualVolume: numbersOf('unusualVolume', ['minPatients', 'deviations', 'baselineDays', 'minHours', 'limitWithoutBaseline']),
    noRelationship: numbersOf('noRelationship', ['askAgainAfterHours']),
    manyEmergencies: numbersOf('manyEmergencies', ['times', 'days']),
  };
}
