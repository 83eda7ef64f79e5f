import { assert } from '@primum/base';
import { permissions, purposes, type Permission, type Purpose, type Role } from '@primum/contract';

export type { Purpose };

/** What a principal may hold: what people may (contract), and what only the system does. */
export const authorities = [...permissions, 'patient.write', 'patient.score', 'source.manage'] as const;
export type Authority = Permission | 'patient.write' | 'patient.score' | 'source.manage';

export function isPurpose(word: string): word is Purpose {
  return (purposes as readonly string[]).includes(word);
}

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
/** A service account: a SMART backend service or a machine peer. `purposes`: those it was registered for; it may claim no other. */
export type ClientPrincipal = { kind: 'client'; clientId: string; scopes: readonly string[]; purposes: readonly Purpose[]; remote?: string };
export type SystemPrincipal = { kind: 'system'; name: SystemName; readonly [minted]: true };
export type Principal = UserPrincipal | ClientPrincipal | SystemPrincipal;

/** Parts of Primum that act without a person, and a person at this machine's command line (who can read the key store). */
export type SystemName = 'ingest' | 'serving' | 'replay' | 'import' | 'trust' | `cli:${string}`;

const systemNames: readonly string[] = ['ingest', 'serving', 'replay', 'import', 'trust'];

/** The system's own authority is minted by name; the brand in its type keeps it from being written by hand. */
export function mintSystemPrincipal(name: SystemName): SystemPrincipal {
  assert(name.startsWith('cli:') ? name.length > 4 && name.length <= 68 : systemNames.includes(name), 'no such system principal');
  // The brand exists in the type only.
  return { kind: 'system', name } as SystemPrincipal;
}

/** A signed-in person as a principal. */
export function userPrincipal(
  session: Pick<UserPrincipal, 'userId' | 'username' | 'role' | 'groups' | 'careUnits' | 'mfa'>, remote?: string,
): UserPrincipal {
  const { userId, username, role, groups = [], careUnits = [], mfa = false } = session;
  return { kind: 'user', userId, username, role, groups, careUnits, mfa, ...(remote === undefined ? {} : { remote }) };
}

/** As the audit log names it, in clear: `user:NAME`, `client:ID`, `system:NAME`, `cli:OS-USER`. */
export function actorOf(principal: Principal): string {
  if (principal.kind === 'user') return `user:${principal.username}`;
  if (principal.kind === 'client') return `client:${principal.clientId}`;
  return isCommandLine(principal.name) ? principal.name : `system:${principal.name}`;
}

function isCommandLine(name: SystemName): name is `cli:${string}` {
  return name.startsWith('cli:');
}
