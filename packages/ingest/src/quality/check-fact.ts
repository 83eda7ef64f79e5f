import { applies, type QualityRule, type QualityRules } from './rule.ts';

/** A value about to be written. Times in milliseconds; `value` in the code's canonical unit, `unit` (UCUM) as it was sent. */
export type FactToCheck = {
  /** `MSH-3|MSH-4`. */
  source: string;
  code: string;
  unit: string | undefined;
  value: number | null;
  effectiveAt: number;
  /** By the sender's own clock (MSH-7), so that a simulated or a wrong clock is compared with itself. */
  sentAt: number | null;
};

export type FactVerdict = { flag?: 'implausible' | 'unit-unknown'; refusedBy?: string };
export type FactCheck = (fact: FactToCheck) => FactVerdict;

const nothing: FactVerdict = Object.freeze({});
const minuteMs = 60_000;

/** The rules that act on a fact before it is written, as one pure and total call without any read. Rules that only pass are left to the look behind. */
export function createFactCheck(rules: QualityRules): FactCheck {
  const acting = rules.filter(({ action }) => action !== 'pass');
  const byCode = new Map<string, QualityRule[]>();
  const forAll = acting.filter(({ codes }) => codes === undefined);
  for (const rule of acting) for (const code of rule.codes ?? []) byCode.set(code, [...byCode.get(code) ?? forAll, rule]);
  return (fact) => {
    let flag: FactVerdict['flag'];
    for (const rule of byCode.get(fact.code) ?? forAll) {
      if (!applies(rule, fact.source, fact.code) || !breaks(rule, fact)) continue;
      if (rule.action === 'quarantine') return { refusedBy: rule.id };
      flag ??= rule.kind === 'unit' ? 'unit-unknown' : 'implausible';
    }
    return flag === undefined ? nothing : { flag };
  };
}

/** Whether a fact breaks a rule that can be judged on the fact alone. */
export function breaks(rule: QualityRule, { value, unit, effectiveAt, sentAt }: Omit<FactToCheck, 'source' | 'code'>): boolean {
  switch (rule.kind) {
    case 'range': return value !== null && !(value >= rule.low && value <= rule.high);
    case 'unit': return value !== null && unit !== undefined && !rule.units.has(unit);
    case 'future': return sentAt !== null && effectiveAt > sentAt + rule.toleranceMinutes * minuteMs;
    default: return false;
  }
}
