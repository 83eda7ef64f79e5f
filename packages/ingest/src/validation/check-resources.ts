import type { Resource } from '@medplum/fhirtypes';
import type { Hl7Message } from '@primum/formats';
import { verdictOf, type ValidationIssue, type ValidationPolicy, type Validator } from '@primum/record';
import type { FrameProblem } from '../accept/interpret-frame.ts';
import type { Source } from '../sources/source.ts';
import { convertMessage } from '../v2-to-fhir/convert-message.ts';
import type { MappingTables } from '../v2-to-fhir/rule.ts';

/** Issues without the places in lists: what is counted must not grow with a message. */
export type PlacedIssue = Pick<ValidationIssue, 'expression' | 'code' | 'severity' | 'detail'>;

/** What of these is not valid FHIR R4, each place and rule once. */
export function issuesOf(validator: Pick<Validator, 'validate'>, resources: readonly Resource[]): PlacedIssue[] {
  const found = new Map<string, PlacedIssue>();
  for (const resource of resources) {
    for (const { expression, code, severity, detail } of validator.validate(resource).issues) {
      const place = expression.replaceAll(/\[\d+\]/g, '');
      const key = `${place} ${code} ${severity}`;
      if (!found.has(key)) found.set(key, { expression: place, code, severity, detail });
    }
  }
  return [...found.values()];
}

/** Why a message does not pass by its source's policy: the first error, by element and rule. */
export function problemOf(policy: ValidationPolicy, issues: readonly PlacedIssue[]): FrameProblem | undefined {
  const verdict = verdictOf(policy, issues);
  if (verdict !== 'rejected' && verdict !== 'quarantined') return undefined;
  const { expression, detail } = issues.find(({ severity }) => severity === 'error')!; // or the verdict were another
  return { code: 'ingest.validation-failed', detail: `${expression}: ${detail}` };
}

/**
 * What the listener asks of a source that rejects: whether what the mapping tables make of the message is valid, before it
 * is answered. References and identities are settled when it is applied, and looked at again then.
 */
export type MessageCheck = (message: Hl7Message, source: Source) => FrameProblem | undefined;

export function createMessageCheck(validator: Pick<Validator, 'validate'>, tables: MappingTables): MessageCheck {
  return (message, source) => {
    if (source.validation !== 'reject') return undefined;
    const { bundle } = convertMessage(message, tables, { utcOffsetMinutes: source.utcOffset });
    return problemOf('reject', issuesOf(validator, bundle.entry?.flatMap(({ resource }) => resource ?? []) ?? []));
  };
}
