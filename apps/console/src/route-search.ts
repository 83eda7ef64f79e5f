import { patientKindNames, purposes, type PatientKindName, type Purpose } from '@primum/contract';

/** What an address may carry behind its `?`: what is absent or unreadable falls back to the page's default. */
export type WorklistSearch = { order?: 'bed'; mine?: true; site?: string };
export function readWorklistSearch(search: Record<string, unknown>): WorklistSearch {
  return {
    ...(search['order'] === 'bed' ? { order: 'bed' as const } : {}),
    ...(search['mine'] === true ? { mine: true as const } : {}),
    ...textOf(search, 'site'),
  };
}

export const stayHours = [12, 24, 48, 168] as const;
export type StaySearch = { hours?: (typeof stayHours)[number] };
export function readStaySearch(search: Record<string, unknown>): StaySearch {
  const hours = stayHours.find((choice) => choice === Number(search['hours']));
  return hours === undefined ? {} : { hours };
}

export const auditOutcomes = ['success', 'minor-failure', 'serious-failure'] as const;
/** `from` and `to` as an input of type datetime-local gives them, in UTC: `2026-03-01T08:00`. */
export type AuditSearch = { patientId?: string; actor?: string; action?: string; purpose?: string; outcome?: (typeof auditOutcomes)[number]; from?: string; to?: string; by?: 'everyone' };
export function readAuditSearch(search: Record<string, unknown>): AuditSearch {
  const outcome = auditOutcomes.find((choice) => choice === search['outcome']);
  const instant = <K extends 'from' | 'to'>(name: K) => (/^\d{4}-\d\d-\d\dT\d\d:\d\d$/.test(String(search[name])) ? textOf(search, name) : {});
  return {
    ...textOf(search, 'patientId'), ...textOf(search, 'actor'), ...textOf(search, 'action'), ...textOf(search, 'purpose'),
    ...(outcome === undefined ? {} : { outcome }), ...instant('from'), ...instant('to'), ...(search['by'] === 'everyone' ? { by: 'everyone' as const } : {}),
  };
}

export type LineageSearch = { node?: string; direction?: 'up' | 'down' };
export function readLineageSearch(search: Record<string, unknown>): LineageSearch {
  return { ...textOf(search, 'node'), ...(search['direction'] === 'down' ? { direction: 'down' as const } : {}) };
}

export type ReviewsSearch = { id?: string; which?: 'decided' };
export function readReviewsSearch(search: Record<string, unknown>): ReviewsSearch {
  return { ...textOf(search, 'id'), ...(search['which'] === 'decided' ? { which: 'decided' as const } : {}) };
}

export type AccessesSearch = { patientId?: string; kind?: 'accesses' | 'disclosures' };
export function readAccessesSearch(search: Record<string, unknown>): AccessesSearch {
  return { ...textOf(search, 'patientId'), ...(search['kind'] === 'disclosures' ? { kind: 'disclosures' as const } : {}) };
}

export type PolicySearch = { purpose?: Purpose; patient?: PatientKindName };
export function readPolicySearch(search: Record<string, unknown>): PolicySearch {
  const purpose = purposes.find((one) => one === search['purpose']);
  const patient = patientKindNames.find((one) => one === search['patient']);
  return { ...(purpose === undefined ? {} : { purpose }), ...(patient === undefined ? {} : { patient }) };
}

/** `next` is an address of this console: a path, never another site. */
export type SignInSearch = { next?: string; why?: 'idle' };
export function readSignInSearch(search: Record<string, unknown>): SignInSearch {
  const next = search['next'];
  return { ...(typeof next === 'string' && /^\/(?![/\\])/.test(next) ? { next } : {}), ...(search['why'] === 'idle' ? { why: 'idle' as const } : {}) };
}

function textOf<Key extends string>(search: Record<string, unknown>, key: Key): { [K in Key]?: string } {
  const text = search[key];
  return typeof text === 'string' && text !== '' && text.length <= 200 ? { [key]: text } as { [K in Key]: string } : {}; // a computed key widens to string
}
