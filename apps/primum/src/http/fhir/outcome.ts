import type { OperationOutcome, OperationOutcomeIssue } from '@medplum/fhirtypes';
import { PrimumError } from '@primum/base';
import { errorCatalogue, type ErrorCode } from '@primum/contract';

/** An error that says more than its code: one issue for each thing that is wrong (FHIR R4, OperationOutcome). */
export class FhirIssues extends PrimumError {
  readonly issues: readonly OperationOutcomeIssue[];

  constructor(code: ErrorCode, issues: readonly OperationOutcomeIssue[]) {
    super(code, `${issues.length} ${issues.length === 1 ? 'issue' : 'issues'}`);
    this.issues = issues;
  }
}

const types: Readonly<Record<number, NonNullable<OperationOutcomeIssue['code']>>> = {
  400: 'invalid', 401: 'login', 403: 'forbidden', 404: 'not-found', 406: 'not-supported', 409: 'conflict', 410: 'deleted', 412: 'conflict', 413: 'too-long', 415: 'not-supported',
  422: 'processing', 429: 'throttled', 503: 'transient',
};

/** Our error as FHIR says it; the code of the catalogue stands in `details`, what to do in `diagnostics`. No value of a patient is in either. */
export function outcomeOf(error: PrimumError): OperationOutcome {
  if (error instanceof FhirIssues && error.issues.length > 0) return { resourceType: 'OperationOutcome', issue: [...error.issues] };
  return outcome(error.code, error.message);
}

export function outcome(code: ErrorCode, message: string): OperationOutcome {
  const { http, action, summary } = errorCatalogue[code];
  return {
    resourceType: 'OperationOutcome',
    issue: [{ severity: 'error', code: types[http] ?? 'exception', details: { coding: [{ system: 'urn:primum:error', code, display: summary }], text: message }, diagnostics: action }],
  };
}
