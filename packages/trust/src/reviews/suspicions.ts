import type { ReviewKind } from '@primum/contract';
import type { PatientFacts } from '../policy/policy.ts';
import type { SnoopingRules } from './snooping-rules.ts';

/** One person's looks at one patient (the survivor of merges) on one day, earliest first. */
export type Looks = { actor: string; patientId: string; at: Date; eventIds: string[]; purposes: ReadonlySet<string> };

/** A member of staff. Tokens in hex: those of their own record where they have one, else of the name they sign in as. */
export type StaffMember = { userId: string; careUnits: readonly string[]; surnames: readonly string[]; addresses: readonly string[] };

/** What is known of the people and patients of some looks. */
export type LooksContext = {
  /** By actor; whoever is no user any more is missing. */
  staff: ReadonlyMap<string, StaffMember>;
  facts: ReadonlyMap<string, PatientFacts>;
  /** Who of the staff is this patient, by user id. */
  staffWhoArePatients: ReadonlyMap<string, readonly string[]>;
  households: ReadonlyMap<string, { surnames: readonly string[]; addresses: readonly string[] }>;
  /** How many patients have a surname token. */
  bearers: ReadonlyMap<string, number>;
};

export type Suspicion = { kind: ReviewKind; looks: Looks; userId: string; score: number };

/**
 * What the rules notice about these looks, one entry a rule. Pure. A relationship is a unit that the person works on and
 * that treats the patient now; `*`, the whole hospital, is enough to have one, and not enough to be treating.
 * `no-relationship` is only a question at this point: it is asked again later.
 */
export function suspicionsOf(rules: SnoopingRules, looks: Looks, context: LooksContext): Suspicion[] {
  const member = context.staff.get(looks.actor);
  if (member === undefined) return [];
  const facts = context.facts.get(looks.patientId);
  const shared = member.careUnits.filter((unit) => facts?.careUnits.includes(unit) === true);
  const treating = shared.some((unit) => unit !== '*');
  // An emergency access has an item of its own on the queue.
  const emergency = looks.purposes.has('BTG') || facts?.emergencyFor.includes(member.userId) === true;
  const patientIsStaff = context.staffWhoArePatients.get(looks.patientId) ?? [];
  const household = context.households.get(looks.patientId);
  const office = [...looks.purposes].every((purpose) => rules.officePurposes.includes(purpose));
  const own = patientIsStaff.includes(member.userId);

  const found: Suspicion[] = [];
  const say = (kind: ReviewKind, rule: { enabled: boolean; score: number; unlessTreating?: boolean }, noticed: boolean): void => {
    if (noticed && rule.enabled && !(rule.unlessTreating === true && treating)) found.push({ kind, looks, userId: member.userId, score: rule.score });
  };
  say('own-record', rules.ownRecord, own);
  say('colleague', rules.colleague, !own && !office && patientIsStaff.length > 0);
  say('vip', rules.vip, facts?.vip === true && !emergency && !office && !own);
  say('same-address', rules.sameAddress, !own && shareOne(member.addresses, household?.addresses));
  say('same-surname', rules.sameSurname, !own && !office && shareOne(member.surnames.filter((token) => (context.bearers.get(token) ?? 0) <= rules.sameSurname.maxBearers), household?.surnames));
  // Only where nothing says more. People without any unit see nobody without an emergency access, where care is asked for.
  say('no-relationship', rules.noRelationship, found.length === 0 && !emergency && looks.purposes.has('TREAT') && member.careUnits.length > 0 && shared.length === 0);
  return found;
}

function shareOne(some: readonly string[], others: readonly string[] | undefined): boolean {
  return others !== undefined && some.some((token) => others.includes(token));
}
