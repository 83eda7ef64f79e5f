import type { Clock } from '@primum/base';
import type { Sql } from '@primum/store';
import type { ClientPrincipal, Purpose, UserPrincipal } from '../access/principal.ts';
import { findPerson } from '../oidc/people.ts';

/** Who began something that goes on without a token: a service account, or a person through an app, with the scopes of then. */
export type StandingOwner = { clientId: string; userId: string | null; patientId: string | null; scopes: readonly string[]; since: Date };

/**
 * The owner as they stand now, for work that goes on while nobody asks (a subscription); null once the client is disabled,
 * the person is disabled or had their sessions ended, or what the person allowed the app was withdrawn or is over. Scopes
 * never grow: they are those of then, of a person's app those that are still allowed.
 */
export async function standingPrincipal(sql: Sql, { clock }: { clock: Clock }, tenant: number, owner: StandingOwner): Promise<UserPrincipal | ClientPrincipal | null> {
  const { clientId, userId, patientId } = owner;
  const [client] = await sql.query<{ purposes: Purpose[] }>('select purposes from client where tenant = $1 and id = $2 and disabled_at is null', [tenant, clientId]);
  if (client === undefined) return null;
  if (userId === null) return { kind: 'client', clientId, scopes: owner.scopes, purposes: client.purposes };
  const [grant] = await sql.query<{ mfa: boolean; scopes: string[] }>(
    `select mfa, scopes from oidc_grant where tenant = $1 and client_id = $2 and user_id = $3 and patient_id is not distinct from $4 and expires_at > $5 order by created_at desc limit 1`,
    [tenant, clientId, userId, patientId, clock.now()]);
  const person = grant === undefined ? null : await findPerson(sql, tenant, userId);
  if (grant === undefined || person === null || person.validFrom > owner.since) return null;
  const allowed = new Set(grant.scopes);
  return { ...person.principal, mfa: grant.mfa, via: { clientId, scopes: owner.scopes.filter((scope) => allowed.has(scope)), ...(patientId === null ? {} : { patientId }) } };
}
