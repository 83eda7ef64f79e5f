import type { Keys } from '@primum/trust';
import type { IdentifierReading, MessageReading, ResultReading } from './message-reading.ts';

/** Lanes order messages: one patient's go through one lane, so a lane's messages are applied in the order of arrival. */
export const laneCount = 16;

type TokenKeys = Pick<Keys, 'token'>;

/** Types of PID-3 (table 0203) that name a person within their authority; others are kept but nobody is found by them. */
const naming = new Set(['', 'MR', 'MRN', 'PI', 'PT', 'PN', 'EN']);

/** Tokens (hex) of the identifiers by which a patient is found, medical record numbers first. */
export function identityTokens(keys: TokenKeys, tenant: number, identifiers: readonly IdentifierReading[]): string[] {
  const named = identifiers.filter(({ type }) => naming.has(type));
  const used = named.length > 0 ? named : identifiers;
  const ordered = [...used.filter(({ type }) => type === 'MR' || type === 'MRN'), ...used.filter(({ type }) => type !== 'MR' && type !== 'MRN')];
  return ordered.map(({ authority, value }) => keys.token(tenant, 'identifier', JSON.stringify([authority, value])).toString('hex'));
}

export function visitToken(keys: TokenKeys, tenant: number, number: IdentifierReading | undefined): string | undefined {
  return number === undefined ? undefined : keys.token(tenant, 'visit', JSON.stringify([number.authority, number.value])).toString('hex');
}

export function laneOf(token: string): number {
  return Number.parseInt(token.slice(0, 2), 16) % laneCount;
}

/**
 * The lane of a message, and the other one where it is about two patients (A17, A37, A40). Of a message of many merges
 * the first one's: merges only link, and the rows of all their patients are locked when they are applied.
 */
export function lanesOf(keys: TokenKeys, tenant: number, reading: MessageReading): { lane: number; otherLane: number | null } {
  const first = reading.subjects[0]?.patient.identifiers ?? [];
  const second = reading.priors[0]?.identifiers ?? reading.subjects[1]?.patient.identifiers;
  const lane = laneOf(identityTokens(keys, tenant, first)[0] ?? '00');
  const other = second === undefined ? undefined : identityTokens(keys, tenant, second)[0];
  const otherLane = other === undefined ? lane : laneOf(other);
  return { lane, otherLane: otherLane === lane ? null : otherLane };
}

/** A keyed UUID (version 8, RFC 9562) of some parts: the same parts, the same key; says nothing to who lacks the key. */
export function keyOf(keys: TokenKeys, tenant: number, parts: readonly string[]): string {
  const bytes = keys.token(tenant, 'commitment', JSON.stringify(['key', ...parts]));
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}

/**
 * The identity of each result if it belongs to this patient: source, order, local code, sub-id, effective time. A later
 * result with the same identity is a newer word on it. Where a message says the same thing twice, the second has an
 * identity of its own; so has one that could not be obtained, which corrects nothing.
 */
export function resultKeys(keys: TokenKeys, tenant: number, sourceId: number, results: readonly ResultReading[], patientId: string): string[] {
  const seen = new Map<string, number>();
  return results.map((result) => {
    const parts = resultKeyParts({ patientId, sourceId, order: result.order, code: result.code.id, subId: result.subId, effectiveAt: result.effectiveAt, obtained: result.status !== 'cannot-be-obtained' });
    const same = parts.join('\u0000');
    const turn = seen.get(same) ?? 0;
    seen.set(same, turn + 1);
    return keyOf(keys, tenant, turn === 0 ? parts : [...parts, String(turn)]);
  });
}

export function resultKeyParts({ patientId, sourceId, order, code, subId, effectiveAt, obtained = true }: {
  patientId: string; sourceId: number; order: string; code: string; subId: string; effectiveAt: number; obtained?: boolean;
}): string[] {
  return [obtained ? 'result' : 'not-obtained', patientId, String(sourceId), order, code, subId, String(effectiveAt)];
}
