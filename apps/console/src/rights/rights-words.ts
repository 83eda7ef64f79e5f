import type { Erasure, ErasureBasis, ErasureRefusal, ObjectionScope, RightsCase } from '@primum/contract';

export const scopeWords: Readonly<Record<ObjectionScope, string>> = { 'ai-scoring': 'Scoring by models', research: 'Research' };
export const basisWords: Readonly<Record<ErasureBasis, string>> = {
  'requested-by-person': 'The person asked for it', 'consent-withdrawn': 'Consent was withdrawn', 'no-longer-needed': 'The data are needed no longer', unlawful: 'The data were never lawful to keep',
};
export const erasureWords: Readonly<Record<Erasure['status'], string>> = {
  requested: 'waits for a second person', refused: 'refused', declined: 'declined by the second person', approved: 'approved, is carried out', executed: 'rows removed, keys are being destroyed', verified: 'erased and verified',
};
export const caseWords: Readonly<Record<RightsCase['status'], string>> = {
  standing: 'stands', lifted: 'lifted', requested: 'to be answered', accepted: 'accepted, to be carried out', performed: 'carried out', denied: 'denied', disputed: 'denied, with a statement of disagreement',
};

/** Why an erasure is refused, as the privacy officer can pass it on to the person. */
export function refusalText(reason: ErasureRefusal, until: string | null): string {
  if (reason === 'legal-hold') return 'A legal hold stands on this record.';
  if (reason === 'stay-open') return 'The person is being treated: a stay goes on.';
  return `The duty to keep the record runs until ${until === null ? 'a later date' : until.slice(0, 10)}.`;
}
