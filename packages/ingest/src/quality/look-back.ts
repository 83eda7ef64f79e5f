import type { Fact } from '@primum/record';
import { breaks } from './check-fact.ts';
import { applies, dimensionOf, type Dimension, type QualityRule, type QualityRules } from './rule.ts';

/** A fact as it stands in the record, with what its message says of it. Times in milliseconds. */
export type WrittenFact = {
  /** `MSH-3|MSH-4`; empty: written over FHIR. */
  source: string;
  sourceId: number;
  code: string;
  key: string;
  value: number | null;
  /** Whether it holds words or a coded text instead of a number. */
  worded: boolean;
  effectiveAt: number;
  sentAt: number | null;
  status: Fact['status'];
  flag: Fact['flag'] | null;
};

export type Reading = { value: number; effectiveAt: number; sourceId: number; key: string };

/** What is remembered of one patient: the newest readings of each code, how often the newest stood in a row, and what bounds a life. */
export type PatientMemory = {
  readings: ReadonlyMap<string, { newest: readonly Reading[]; inARow: number }>;
  /** Not before: a year before the age says, since ages are whole years. */
  bornAfter: number | null;
  /** Years at that admission. */
  age: number | null;
  diedAt: number | null;
};

export const emptyMemory: PatientMemory = { readings: new Map(), bornAfter: null, age: null, diedAt: null };

const remembered = 4;
const minuteMs = 60_000;
const yearMs = 365.25 * 24 * 60 * minuteMs;
const ageCode = '30525-0';
/** Comes after the age of the same stay. */
const admissionCode = 'primum:hospital-admit';
const deathCode = 'primum:death';
/** Events of a stay and demographics are told again by every message of it, so they are neither late nor twice. */
const measured = (code: string): boolean => code !== ageCode && code !== '46098-0' && !code.startsWith('primum:');

/** Which rules a fact breaks, given what is remembered of its patient; pure and total. A withdrawn fact breaks none. */
export function lookBack(rules: QualityRules, memory: PatientMemory, fact: WrittenFact): QualityRule[] {
  if (fact.status === 'retracted') return [];
  const broken = rules.filter((rule) => applies(rule, fact.source, fact.code) && isBroken(rule, memory, fact));
  // One cause, one finding: a time or range that a rule names explains the flag that it led to.
  const explained = broken.some(({ kind }) => kind === 'future' || kind === 'range');
  return explained ? broken.filter((rule) => rule.kind !== 'flagged' || rule.flag !== 'implausible') : broken;
}

/** The memory after a fact. Corrections and late arrivals take their place in time; flagged and missing ones are no readings. */
export function remember(memory: PatientMemory, fact: WrittenFact): PatientMemory {
  if (fact.status === 'retracted') {
    return fact.code === deathCode ? { ...memory, diedAt: null } : memory;
  }
  if (fact.value === null || fact.flag !== null) return memory;
  if (fact.code === deathCode) return { ...memory, diedAt: fact.effectiveAt };
  if (fact.code === ageCode) return { ...memory, age: fact.value, bornAfter: fact.effectiveAt - (fact.value + 1) * yearMs };
  if (!measured(fact.code)) return memory;
  const known = memory.readings.get(fact.code);
  const { value, effectiveAt, sourceId, key } = fact;
  const last = known?.newest[0];
  const newest = [{ value, effectiveAt, sourceId, key }, ...(known?.newest ?? []).filter((each) => each.key !== key)]
    .sort((a, b) => b.effectiveAt - a.effectiveAt).slice(0, remembered);
  const goesOn = last === undefined || effectiveAt > last.effectiveAt;
  const inARow = !goesOn ? known?.inARow ?? 1 : last?.value === value ? (known?.inARow ?? 1) + 1 : 1;
  return { ...memory, readings: new Map(memory.readings).set(fact.code, { newest, inARow }) };
}

function isBroken(rule: QualityRule, memory: PatientMemory, fact: WrittenFact): boolean {
  const { code, value, effectiveAt, sentAt, flag, key } = fact;
  const known = memory.readings.get(code);
  switch (rule.kind) {
    case 'range': {
      const ofAge = rule.ages === undefined || (memory.age !== null && memory.age >= rule.ages[0] && memory.age < rule.ages[1]);
      return ofAge && breaks(rule, { ...fact, unit: undefined });
    }
    case 'future': return measured(code) && breaks(rule, { ...fact, unit: undefined });
    case 'flagged': return flag === rule.flag;
    case 'before-birth': return measured(code) && memory.bornAfter !== null && effectiveAt < memory.bornAfter;
    case 'after-death': return measured(code) && memory.diedAt !== null && effectiveAt > memory.diedAt + rule.toleranceMinutes * minuteMs;
    case 'late': return measured(code) && sentAt !== null && sentAt - effectiveAt > rule.maxMinutes * minuteMs;
    case 'missing': return value === null && flag === null && !fact.worded;
    case 'age-unknown': return code === admissionCode && memory.age === null;
    case 'jump': {
      if (value === null || flag !== null) return false;
      const before = known?.newest.find((each) => each.effectiveAt < effectiveAt && each.key !== key);
      return before !== undefined && effectiveAt - before.effectiveAt <= rule.withinMinutes * minuteMs && Math.abs(value - before.value) > rule.max;
    }
    case 'stuck': {
      // Once a run: when it becomes this long, not at each reading after it.
      const last = known?.newest[0];
      return value !== null && last !== undefined && effectiveAt > last.effectiveAt && last.value === value && (known?.inARow ?? 1) + 1 === rule.times;
    }
    case 'duplicate':
      return value !== null && known?.newest.some((each) => each.key !== key && each.sourceId !== fact.sourceId && each.effectiveAt === effectiveAt && each.value === value) === true;
    case 'unit': case 'stay-order': case 'refused': case 'silent': return false;
  }
}

/** Which scores a fact counts against. */
export function dimensionsBroken(broken: readonly QualityRule[]): ReadonlySet<Dimension> {
  return new Set(broken.flatMap(({ kind }) => dimensionOf[kind] ?? []));
}

export { measured as isMeasured };
