import { assert } from '@primum/base';
import { roleAllows, type Permission, type Role } from '@primum/contract';

/** What a principal may hold: what a role may (contract), and what only the system does. */
export type Authority = Permission | 'patient.write' | 'source.manage';

/** Why PHI is used: HL7 v3 PurposeOfUse (http://terminology.hl7.org/CodeSystem/v3-ActReason). */
export type Purpose =
  | 'TREAT' // treatment
  | 'HOPERAT' // running the service: feeds, quarantine
  | 'HSYSADMIN' // administering the system
  | 'HQUALIMP' // replaying, measuring, improving
  | 'HCOMPL' // auditing
  | 'HRESCH' // research: training data
  | 'PUBHLTH' // public health reporting
  | 'PATRQT' // the patient asked: access, portability, rectification
  | 'BTG'; // break the glass: emergency access

declare const minted: unique symbol;
export type UserPrincipal = {
  kind: 'user'; userId: string; username: string; role: Role;
  groups?: readonly string[];
  /** Units this person works on (`*`, `SITE`, `SITE/WARD`), by themselves or by a group. */
  careUnits?: readonly string[];
  /** Signed in with a second factor. */
  mfa?: boolean;
  /** The app that acts for this person, which may do no more than its scopes. */
  via?: { clientId: string; scopes: readonly string[]; patientId?: string };
  /** Address of the client. */
  remote?: string;
};
/** A service account: a SMART backend service or a machine peer. */
export type ClientPrincipal = { kind: 'client'; clientId: string; scopes: readonly string[]; remote?: string };
export type SystemPrincipal = { kind: 'system'; name: SystemName; readonly [minted]: true };
export type Principal = UserPrincipal | ClientPrincipal | SystemPrincipal;

/** Parts of Primum that act without a person, and a person at this machine's command line (who can read the key store). */
export type SystemName = 'ingest' | 'serving' | 'replay' | 'import' | 'trust' | `cli:${string}`;

const systemAuthorities: Readonly<Record<Exclude<SystemName, `cli:${string}`>, readonly Authority[]>> = {
  ingest: ['patient.read', 'patient.write', 'quarantine.read', 'quarantine.replay'],
  serving: ['patient.read', 'patient.write', 'prediction.read'],
  replay: ['patient.read', 'prediction.read', 'prediction.replay'],
  import: ['patient.read', 'patient.write', 'source.manage'],
  trust: ['user.manage', 'patient.read'],
};
const commandLineAuthorities: readonly Authority[] = [
  'patient.read', 'patient.write', 'prediction.read', 'prediction.replay', 'feed.read', 'quarantine.read', 'quarantine.replay', 'model.read',
  'audit.read', 'source.manage', 'user.manage',
];

/** The system's own authority is minted by name; the brand in its type keeps it from being written by hand. */
export function mintSystemPrincipal(name: SystemName): SystemPrincipal {
  assert(name.startsWith('cli:') ? name.length > 4 && name.length <= 68 : Object.hasOwn(systemAuthorities, name), 'no such system principal');
  // The brand exists in the type only.
  return { kind: 'system', name } as SystemPrincipal;
}

/** A signed-in person as a principal. */
export function userPrincipal(session: { userId: string; username: string; role: Role }, remote?: string): UserPrincipal {
  const { userId, username, role } = session;
  return { kind: 'user', userId, username, role, ...(remote === undefined ? {} : { remote }) };
}

/** Deny by default: what no table grants is refused. */
export function principalAllows(principal: Principal, authority: Authority): boolean {
  if (principal.kind === 'client') return false;
  if (principal.kind === 'user') return isPermission(authority) && roleAllows(principal.role, authority);
  if (isCommandLine(principal.name)) return commandLineAuthorities.includes(authority);
  return systemAuthorities[principal.name].includes(authority);
}

/** As the audit log names it, in clear: `user:NAME`, `client:ID`, `system:NAME`, `cli:OS-USER`. */
export function actorOf(principal: Principal): string {
  if (principal.kind === 'user') return `user:${principal.username}`;
  if (principal.kind === 'client') return `client:${principal.clientId}`;
  return isCommandLine(principal.name) ? principal.name : `system:${principal.name}`;
}

function isPermission(authority: Authority): authority is Permission {
  return authority !== 'patient.write' && authority !== 'source.manage';
}

function isCommandLine(name: SystemName): name is `cli:${string}` {
  return name.startsWith('cli:');
}
