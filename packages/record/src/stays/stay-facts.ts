import { ageAtAdmission } from '../timeline/age-at-admission.ts';
import type { Fact } from '../timeline/fact.ts';
import type { StaySummary } from './reduce-stay.ts';

/** What a stay's facts rest on besides its events; from the current Patient resource. */
export type Demographics = {
  /** FHIR date, whole or partial. */
  birthDate?: string | undefined;
  sex?: 'male' | 'female' | 'other' | 'unknown' | undefined;
};

/** Codes of what follows from stays and from the Patient, as below. */
export const stayFactCodes: readonly string[] = ['30525-0', '46098-0', 'primum:hospital-admit', 'primum:icu-admit', 'primum:icu-discharge', 'primum:unit', 'primum:death'];

/** A fact that follows from a stay; `name` is what its key is made of, so that a change of the stay corrects it. */
export type StayFact = { name: string; code: string; value: number | null; text?: string; effectiveAt: number };

/**
 * The facts that a stay adds up to. Events have the value 1 at the instant they became true; age (years) and sex (1 male,
 * 0 female, else missing) are effective at hospital admission; the kind of ICU is text.
 */
export function stayFacts(stay: StaySummary, { birthDate, sex }: Demographics): StayFact[] {
  if (stay.admittedAt === null) return [];
  const facts: StayFact[] = [];
  const age = birthDate === undefined ? null : ageAtAdmission(birthDate, stay.admittedAt);
  if (age !== null) facts.push({ name: 'age', code: '30525-0', value: age, effectiveAt: stay.admittedAt });
  if (sex === 'male' || sex === 'female') {
    facts.push({ name: 'sex', code: '46098-0', value: sex === 'male' ? 1 : 0, effectiveAt: stay.admittedAt });
  }
  facts.push({ name: 'hospital-admit', code: 'primum:hospital-admit', value: 1, effectiveAt: stay.admittedAt });
  for (const period of stay.icuPeriods) {
    facts.push({ name: `icu-admit ${period.name}`, code: 'primum:icu-admit', value: 1, effectiveAt: period.from });
    if (period.to !== null) facts.push({ name: `icu-discharge ${period.endName}`, code: 'primum:icu-discharge', value: 1, effectiveAt: period.to });
  }
  for (const { name, unit, from } of stay.units) facts.push({ name: `unit ${name}`, code: 'primum:unit', value: null, text: unit, effectiveAt: from });
  if (stay.died !== null) facts.push({ name: `death ${stay.died.name}`, code: 'primum:death', value: 1, effectiveAt: stay.died.at });
  return facts;
}

export type StayFactChange = StayFact & { status: Extract<Fact['status'], 'final' | 'corrected' | 'retracted'> };

/** What to append so that the facts `before` become the facts `after`: new ones, corrected ones, retracted ones. */
export function stayFactChanges(before: readonly StayFact[], after: readonly StayFact[]): StayFactChange[] {
  const former = new Map(before.map((fact) => [fact.name, fact]));
  const changes: StayFactChange[] = [];
  for (const fact of after) {
    const was = former.get(fact.name);
    former.delete(fact.name);
    if (was === undefined) changes.push({ ...fact, status: 'final' });
    else if (was.value !== fact.value || was.text !== fact.text || was.effectiveAt !== fact.effectiveAt) changes.push({ ...fact, status: 'corrected' });
  }
  for (const gone of former.values()) changes.push({ ...gone, value: null, status: 'retracted' });
  return changes;
}
