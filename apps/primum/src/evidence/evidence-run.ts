import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EvidenceRun, shapeErrors } from '@primum/contract';
import { judged, type Pack } from './pack.ts';

const pathOf = (home: string): string => join(home, 'evidence.json');

/** What consoles show of the newest pack: its proofs in short, and where it lies. */
export function evidenceRunOf(pack: Pack, { digest, out }: { digest: string; out: string }): EvidenceRun {
  const controls = judged(pack);
  const count = (state: string): number => controls.filter((control) => control.state === state).length;
  return {
    madeAt: pack.madeAt, quick: pack.quick, digest, out,
    controls: { shown: count('shown'), partly: count('partly'), notShown: count('not shown'), notBySoftware: count('not by software') },
    proofs: pack.proofs.map(({ id, title, of, passed, says, finishedAt }) => ({ id, title, of, passed, says, finishedAt })),
  };
}

export function writeEvidenceRun(home: string, run: EvidenceRun): void {
  writeFileSync(`${pathOf(home)}.new`, JSON.stringify(run), { mode: 0o600 });
  renameSync(`${pathOf(home)}.new`, pathOf(home));
}

/** Null before the first pack, and where another version left something else. */
export function readEvidenceRun(home: string): EvidenceRun | null {
  if (!existsSync(pathOf(home))) return null;
  const run: unknown = JSON.parse(readFileSync(pathOf(home), 'utf8'));
  return shapeErrors(EvidenceRun, run).length === 0 ? run as EvidenceRun : null; // checked just before
}
