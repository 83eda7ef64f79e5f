import type { DataFlow, ResidencyPage } from '@primum/contract';
import { frameworks, stateOf, type ControlState } from './controls/all-frameworks.ts';
import type { Control, Framework } from './controls/control.ts';
import type { ProofId, ProofRecord } from './proof.ts';

/** What a pack says: everything that its pages are written from. */
export type Pack = {
  id: string;
  madeAt: string;
  startedAt: string;
  quick: boolean;
  environment: Readonly<Record<string, string>>;
  proofs: readonly ProofRecord[];
  flows: readonly DataFlow[];
  residency: ResidencyPage;
  processing: readonly ProcessingActivity[];
};

/** One processing activity as GDPR Article 30(1) wants it recorded, as far as software knows. */
export type ProcessingActivity = { purpose: string; meaning: string; permissions: readonly string[]; roles: readonly string[]; routes: readonly string[] };

export type JudgedControl = Control & { state: ControlState; framework: Framework };

export function judged({ proofs }: Pick<Pack, 'proofs'>): JudgedControl[] {
  const records = new Map<ProofId, ProofRecord>(proofs.map((record) => [record.id, record]));
  return frameworks.flatMap((framework) => framework.controls.map((control) => ({ ...control, framework, state: stateOf(control, records) })));
}
