import type { ProofId } from '../proof.ts';

/** One requirement in our own words. `left`: what of it no software can show, or who must. */
export type Control = { ref: string; title: string; proofs: readonly ProofId[]; evidence: string; left?: string };
export type Framework = { id: string; name: string; source: string; controls: readonly Control[] };

/** A row with proofs run now: what they are evidence for, and what is left to people. */
export const shown = (ref: string, title: string, proofs: readonly ProofId[], evidence: string, left?: string): Control => ({ ref, title, proofs, evidence, ...(left === undefined ? {} : { left }) });
/** A row that nothing run here can show: who must, and how. */
export const byPeople = (ref: string, title: string, left: string): Control => ({ ref, title, proofs: [], evidence: '', left });
