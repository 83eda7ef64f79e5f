/**
 * A number at which the log is not what it should be: the leaf that belongs there (undefined where nothing says so) and
 * the rows found there. `beyond`: behind the end of the log.
 */
export type Oddity = { seq: number; expected: Buffer | undefined; actual: { leaf: Buffer; good: boolean }[]; beyond?: boolean };

/**
 * What was done to the rows `fromSeq` to `toSeq`. `moved` rows are genuine ones under another number (`by`: the new less
 * the old); `duplicated` a genuine row once more; `inserted` one that never was; `removed` one that is nowhere.
 */
export type AuditFinding = { kind: 'altered' | 'removed' | 'inserted' | 'moved' | 'duplicated'; fromSeq: number; toSeq: number; by?: number };

const maxFindings = 1_000;

/** Tells what happened from where the leaves that belong somewhere have gone; runs of one kind are one finding. */
export function nameFindings(oddities: readonly Oddity[]): AuditFinding[] {
  const home = new Map<string, number>();
  const found = new Map<string, number[]>();
  for (const { seq, expected, actual } of oddities) {
    if (expected !== undefined) home.set(expected.toString('hex'), seq);
    for (const { leaf } of actual) found.set(leaf.toString('hex'), [...found.get(leaf.toString('hex')) ?? [], seq]);
  }
  const findings: AuditFinding[] = [];
  const add = (kind: AuditFinding['kind'], seq: number, by?: number): void => {
    const last = findings.at(-1);
    if (last !== undefined && last.kind === kind && last.by === by && last.toSeq + 1 === seq) last.toSeq = seq;
    else if (findings.length < maxFindings) findings.push({ kind, fromSeq: seq, toSeq: seq, ...(by === undefined ? {} : { by }) });
  };
  for (const { seq, expected, actual, beyond = false } of oddities) {
    const key = expected?.toString('hex');
    const elsewhere = key !== undefined && (found.get(key) ?? []).some((other) => other !== seq);
    let own = beyond; // whether the row that belongs here was seen
    let strangers = 0;
    let moved = 0;
    for (const { leaf, good } of actual) {
      const from = home.get(leaf.toString('hex'));
      if (!beyond && from === seq && !own) {
        own = true;
        if (!good) add('altered', seq);
      } else if (from !== undefined && from !== seq && good) {
        moved += 1;
        add('moved', seq, seq - from);
      } else if (from !== undefined) add('duplicated', seq);
      else strangers += 1;
    }
    if (moved === actual.length && !elsewhere && !beyond && (moved === 0 || expected !== undefined)) add('removed', seq);
    if (strangers === 0) continue;
    // A row that nobody knows stands for the one that belongs here, unless that is here too or has moved on.
    if (own || elsewhere || actual.length > 1) add('inserted', seq);
    else add('altered', seq);
  }
  return findings.sort((a, b) => a.fromSeq - b.fromSeq);
}
