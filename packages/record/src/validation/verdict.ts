import type { ValidationIssue } from './issue.ts';

/** What becomes of what is not valid: it is refused, kept with its issues, or set aside for somebody to look at. By source. */
export const validationPolicies = ['reject', 'accept', 'quarantine'] as const;
export type ValidationPolicy = (typeof validationPolicies)[number];
export type Verdict = 'accepted' | 'accepted-with-issues' | 'rejected' | 'quarantined';

/** Warnings alone refuse nothing. */
export function verdictOf(policy: ValidationPolicy, issues: readonly Pick<ValidationIssue, 'severity'>[]): Verdict {
  if (!issues.some(({ severity }) => severity === 'error')) return issues.length === 0 ? 'accepted' : 'accepted-with-issues';
  return policy === 'reject' ? 'rejected' : policy === 'quarantine' ? 'quarantined' : 'accepted-with-issues';
}
