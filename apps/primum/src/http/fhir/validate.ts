import type { OperationOutcomeIssue, Resource } from '@medplum/fhirtypes';
import { verdictOf, type ValidationIssue } from '@primum/record';
import type { Fhir } from '../../fhir.ts';
import { FhirIssues } from './outcome.ts';

/** Throws what is wrong with it, with its warnings, where anything is an error; and why a profile can't be used. */
export function demandValid({ validator }: Pick<Fhir, 'validator'>, resource: Resource): void {
  const { issues } = validator.validate(resource);
  if (verdictOf('reject', issues) === 'rejected') throw new FhirIssues('fhir.unprocessable', issues.map(issueOf));
  if (resource.resourceType !== 'StructureDefinition' || resource.derivation !== 'constraint') return;
  const refused = validator.refusalOf(resource);
  if (refused !== undefined) throw new FhirIssues('fhir.unprocessable', [{ severity: 'error', code: 'not-supported', details: { text: refused }, expression: ['StructureDefinition'] }]);
}

export function issueOf({ severity, code, expression, detail }: ValidationIssue): OperationOutcomeIssue {
  return { severity, code, details: { text: detail }, ...(expression === '' ? {} : { expression: [expression] }) };
}
