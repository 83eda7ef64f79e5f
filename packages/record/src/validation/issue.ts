/** What is wrong, in the words of FHIR (R4, valueset issue-type). */
export type IssueCode = 'structure' | 'required' | 'value' | 'invariant' | 'code-invalid' | 'not-found' | 'not-supported' | 'extension' | 'too-costly' | 'business-rule';

/** `expression`: where, as FHIRPath. `detail`: which rule; never a value, so that it may stand in logs and answers. */
export type ValidationIssue = { severity: 'error' | 'warning'; code: IssueCode; expression: string; detail: string };

/** Thrown when enough is enough; the validator catches it. */
export const enough: unique symbol = Symbol('enough');

/** One validation under way: where it is, what it found, and what it stands in. */
export type Run = {
  readonly issues: ValidationIssue[];
  /** Names, and places in lists, from the resource down. */
  readonly path: (string | number)[];
  nodes: number;
  depth: number;
  resource: Record<string, unknown>;
  /** The resource that contains it, else itself. */
  rootResource: Record<string, unknown>;
  /** Whether rules of good practice are said too. */
  readonly best: boolean;
};

export const limits = { issues: 100, depth: 64, nodes: 500_000 } as const;

export function report(run: Run, code: IssueCode, detail: string, severity: 'error' | 'warning' = 'error'): void {
  run.issues.push({ severity, code, expression: placeOf(run.path), detail });
  if (run.issues.length >= limits.issues) throw enough;
}

/** Reports one level below: of an element that is missing, or a property that has no own step yet. */
export function reportAt(run: Run, step: string | number, code: IssueCode, detail: string, severity: 'error' | 'warning' = 'error'): void {
  run.path.push(step);
  report(run, code, detail, severity);
  run.path.pop();
}

/** A name that no element has comes from outside: it is cut, and only shown where it looks like a name. */
export function safeName(name: string): string {
  return /^_?[A-Za-z][A-Za-z0-9]{0,63}$/.test(name) ? name : '?';
}

function placeOf(path: readonly (string | number)[]): string {
  let place = '';
  for (const step of path) place += typeof step === 'number' ? `[${step}]` : place === '' ? step : `.${step}`;
  return place;
}
