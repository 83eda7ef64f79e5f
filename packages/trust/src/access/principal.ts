import { roleAllows, type Permission, type Role } from '@primum/contract';

/** On whose authority something is done: a person who signed in, or the system under a name of its own. */
export type Principal =
  | { kind: 'person'; userId: string; username: string; displayName: string; role: Role }
  | { kind: 'system'; name: SystemName };

export type SystemName = 'ingest' | 'serving' | 'replay' | 'import' | 'identity' | 'retention' | `cli:${string}`;

/** Why patient data is touched (HL7 v3 PurposeOfUse codes). Policies by purpose come on top of this. */
export const purposes = ['TREAT', 'HOPERAT', 'HSYSADMIN', 'HRESCH', 'HCOMPL'] as const;
export type Purpose = (typeof purposes)[number];

/** The system's own authority, minted by name and never cast. */
export function mintSystemPrincipal(name: SystemName): Principal {
  return { kind: 'system', name };
}

export function personPrincipal(session: { userId: string; username: string; displayName: string; role: Role }): Principal {
  const { userId, username, displayName, role } = session;
  return { kind: 'person', userId, username, displayName, role };
}

/** As it stands in the audit log. */
export function actorOf(principal: Principal): string {
  return principal.kind === 'person' ? `user:${principal.userId}` : `system:${principal.name}`;
}

/** Default deny. The system is bound by what its code is lent, not by a role. */
export function allows(principal: Principal, permission: Permission): boolean {
  return principal.kind === 'system' || roleAllows(principal.role, permission);
}
