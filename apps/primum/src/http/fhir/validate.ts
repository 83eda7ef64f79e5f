import type { OperationOutcomeIssue } from '@medplum/fhirtypes';
import type { ValidationIssue } from '@primum/record';
import type { Fhir } from '../../fhir.ts';
import { FhirIssues } from './outcome.ts';

/** Throws what is wrong with it, with its warnings, where anything is an error. */
export function demandValid({ validator }: Pick<Fhir, 'validator'>, resource: unknown): void {
  const { issues } = validator.validate(resource);
  if (issues.some(({ severity }) => severity === 'error')) throw new FhirIssues('fhir.unprocessable', issues.map(issueOf));
}

export function issueOf({ severity, code, expression, detail }: ValidationIssue): OperationOutcomeIssue {
  return { severity, code, details: { text: detail }, ...(expression === '' ? {} : { expression: [expression] }) };
}
