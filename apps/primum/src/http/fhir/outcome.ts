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
  400: 'invalid', 401: 'login', 403: 'forbidden', 404: 'not-found', 406: 'not-supported', 409: 'conflict', 410: 'deleted', 412: 'conflict', 413: 'too-long', 415: 'not-supported', 416: 'value',
  422: 'processing', 429: 'throttled', 503: 'transient',
};

/** Where FHIR has a word that says more than the status. */
const byCode: Readonly<Partial<Record<ErrorCode, NonNullable<OperationOutcomeIssue['code']>>>> = {
  'fhir.several-match': 'multiple-matches', 'fhir.not-supported': 'not-supported', 'fhir.parameter-unknown': 'not-supported', 'fhir.parameter-invalid': 'value',
};

/** Our error as FHIR says it; the code of the catalogue stands in `details`, what to do in `diagnostics`. No value of a patient is in either. */
export function outcomeOf(error: PrimumError): OperationOutcome {
  if (error instanceof FhirIssues && error.issues.length > 0) return { resourceType: 'OperationOutcome', issue: error.issues.map((issue) => coded(issue, error.code)) };
  return outcome(error.code, error.message);
}

/** What is wrong says the code of the whole, too; what only warns does not. */
function coded(issue: OperationOutcomeIssue, code: ErrorCode): OperationOutcomeIssue {
  return issue.severity === 'error' ? { ...issue, details: { ...issue.details, coding: [codingOf(code), ...issue.details?.coding ?? []] } } : issue;
}

function codingOf(code: ErrorCode): { system: string; code: string; display: string } {
  return { system: 'urn:primum:error', code, display: errorCatalogue[code].summary };
}

export function outcome(code: ErrorCode, message: string): OperationOutcome {
  const { http, action } = errorCatalogue[code];
  return {
    resourceType: 'OperationOutcome',
    issue: [{ severity: 'error', code: byCode[code] ?? types[http] ?? 'exception', details: { coding: [codingOf(code)], text: message }, diagnostics: action }],
  };
}
