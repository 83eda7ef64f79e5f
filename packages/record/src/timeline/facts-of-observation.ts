import type { CodeableConcept, Observation, Quantity } from '@medplum/fhirtypes';
import { epochOf } from '@primum/base';
import { normaliseValue, type CodeTable } from '../codes/code-table.ts';
import type { Fact } from './fact.ts';

export type ObservedFact = Omit<Fact, 'seq'>;

const loinc = 'http://loinc.org';
const statuses: Partial<Record<Observation['status'], Fact['status']>> = { final: 'final', preliminary: 'preliminary', registered: 'preliminary', amended: 'corrected', corrected: 'corrected' };
const longestText = 16;

/**
 * What an Observation says on the timeline: one fact for its own value and one for each component, where the code table
 * knows the LOINC code and the Observation says when. A value of an unknown unit or outside the plausible range is
 * missing and flagged, as of any source (`normaliseValue`); a bound (`<0.1`) or words are missing. Cancelled, unknown and
 * entered-in-error ones say nothing. `keyOf` names a fact by the component's place, so that a later version corrects it.
 */
export function factsOfObservation(codes: CodeTable, observation: Observation, keyOf: (component: string) => string): ObservedFact[] {
  const status = statuses[observation.status];
  const effectiveAt = instantOf(observation);
  if (status === undefined || effectiveAt === null) return [];
  const facts: ObservedFact[] = [];
  const add = (place: string, code: CodeableConcept | undefined, value: Quantity | undefined): void => {
    const known = code?.coding?.find((coding) => coding.system === loinc && codes.byCode.has(coding.code ?? ''))?.code;
    if (known === undefined) return;
    const number = value?.comparator === undefined ? value?.value : undefined;
    const base = { key: keyOf(place), code: known, effectiveAt, status };
    if (number === undefined) {
      facts.push({ ...base, value: null });
      return;
    }
    const { value: normal, flag } = normaliseValue(codes, { source: 'fhir', code: known, value: number, unit: value?.code ?? value?.unit ?? '' });
    const asSent = String(number);
    facts.push({ ...base, value: normal, ...(flag === undefined ? {} : { flag }), ...(normal === number && asSent.length <= longestText ? { text: asSent } : {}) });
  };
  if (observation.valueQuantity !== undefined || observation.component === undefined) add('', observation.code, observation.valueQuantity);
  for (const [n, component] of (observation.component ?? []).entries()) add(component.code.coding?.[0]?.code ?? String(n), component.code, component.valueQuantity);
  return facts;
}

function instantOf({ effectiveDateTime, effectiveInstant, effectivePeriod }: Observation): number | null {
  const text = effectiveDateTime ?? effectiveInstant ?? effectivePeriod?.start;
  // A date without a time says no hour: it would be taken for midnight.
  if (text === undefined || text.length < 16) return null;
  const at = epochOf(text);
  return Number.isNaN(at) ? null : at;
}
