import type { ReviewKind } from './lifecycles.ts';
import type { Purpose } from './roles.ts';

/** Plain words for what the audit log says in codes, for patients' accounts and the privacy office's pages. */
export const purposeWords: Readonly<Record<Purpose, string>> = {
  TREAT: 'treatment', BTG: 'emergency access', HOPERAT: 'running the service', HSYSADMIN: 'administering the system', HQUALIMP: 'checking and improving quality',
  HCOMPL: 'privacy and audit', HRESCH: 'research', PUBHLTH: 'public health reporting', PATRQT: 'at the patient’s request',
};

const actions: Readonly<Record<string, string>> = {
  'worklist.read': 'stood on a ward’s list', 'patient.read': 'page opened', 'prediction.read': 'score opened', 'prediction.replay': 'score made again',
  'resource.read': 'entry of the record read', 'notice.read': 'notice read', 'audit.read': 'audit log asked about', 'disclosure.read': 'account of accesses asked for',
  'household.read': 'surname and address compared by the privacy check', 'review.read': 'access reviewed', 'review.verdict': 'access decided about', 'patient.find': 'looked up by number',
  'review.list': 'stood on the privacy office’s queue', 'legal-hold.read': 'legal hold listed', 'erasure.read': 'request of erasure listed',
  'emergency.opened': 'emergency access opened', 'emergency.ended': 'emergency access ended',
};
export const actionWords = (action: string): string => actions[action] ?? action;

/** Why an item is on the queue. A reason to look, said without a judgement. */
export const reviewWords: Readonly<Record<ReviewKind, string>> = {
  'emergency-access': 'Emergency access',
  'many-emergencies': 'Several emergency accesses in a week',
  'own-record': 'Opened their own record',
  colleague: 'Opened a colleague’s record',
  vip: 'Opened a specially protected record',
  'same-surname': 'Shares a rare surname with the patient',
  'same-address': 'Shares an address with the patient',
  'unusual-volume': 'More patients in an hour than is usual',
  'no-relationship': 'No unit of theirs treated the patient',
};
