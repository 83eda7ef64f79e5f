/** The proofs, by name: a control names those that bear on it, the pack has one file each. */
export const proofIds = [
  'decision-matrix', 'authorization-walk', 'second-factor', 'lock-out-and-logoff', 'revocation-latency', 'care-relationship', 'access-account',
  'canary-scan', 'encryption-at-rest', 'log-fields', 'audit-tamper', 'audit-verify', 'restore-drill', 'backup-freshness', 'key-rotation',
  'rights-drill', 'erase-drill', 'breach-drill', 'transport-scan', 'transport-refusal', 'data-flows', 'residency', 'prediction-replay', 'software-inventory',
] as const;
export type ProofId = (typeof proofIds)[number];

/**
 * What a proof found. `passed: null`: it could not be tried here (nothing runs, nothing was made yet), which is said and
 * never counted as shown. `says` is one sentence for people; `figures` what it rests on. Neither holds a patient's value.
 */
export type Finding = { passed: boolean | null; says: string; figures: Readonly<Record<string, unknown>> };

export type ProofRecord = Finding & {
  id: ProofId;
  title: string;
  /** What was looked at: this home as it is, a Primum started for it and thrown away, or the software itself. */
  of: 'this home' | 'a scratch Primum' | 'the software';
  /** How to do the same by hand. */
  again: string;
  startedAt: string;
  finishedAt: string;
};

/** One proof over what it looks at. */
export type Proof<T> = { id: ProofId; title: string; again: string; run(subject: T): Promise<Finding> };

/** Fails a proof in words of the code's own. */
export function expectThat(condition: unknown, what: string): asserts condition {
  if (condition !== true) throw new ProofFailed(what);
}

export class ProofFailed extends Error {}
