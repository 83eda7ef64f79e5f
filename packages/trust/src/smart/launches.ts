import { randomBytes } from 'node:crypto';
import { PrimumError, type Clock } from '@primum/base';
import type { Db, Sql } from '@primum/store';
import type { UserPrincipal } from '../access/principal.ts';
import type { Audit } from '../audit/audit.ts';
import { secretDigest } from '../oidc/digest.ts';
import { findClient } from './clients.ts';

export type LaunchDeps = { db: Db; audit: Audit; clock: Clock };
/** The patient and stay that an app is to work on. The caller has made sure that the person may see them. */
export type PatientContext = { patientId: string; stayId: string };

const launchTtlMs = 5 * 60_000;

/**
 * An EHR launch (SMART App Launch 2.2): the address to open, with `iss` and a token that stands for this person, this
 * app and this stay. The token is no authority: it is taken only together with the same person's own sign-in.
 */
export async function createLaunch(deps: LaunchDeps, tenant: number, by: UserPrincipal, request: { clientId: string; fhirBase: string } & PatientContext): Promise<string> {
  const client = await findClient(deps.db, tenant, request.clientId);
  if (client === null || client.disabledAt !== null || client.launchUrl === null) throw new PrimumError('client.not-found');
  const token = randomBytes(32).toString('base64url');
  const now = deps.clock.now();
  await deps.db.transaction(async (tx) => {
    await tx.query(
      'insert into smart_launch (tenant, token_digest, client_id, user_id, patient_id, stay_id, expires_at) values ($1, $2, $3, $4, $5, $6, $7)',
      [tenant, secretDigest(token), client.id, by.userId, request.patientId, request.stayId, new Date(now.getTime() + launchTtlMs)]);
    await deps.audit.write(tx, [{
      tenant, action: 'smart.launched', outcome: 'success', principal: by, purpose: 'TREAT', at: now, patientId: request.patientId,
      entities: [{ type: 'client', id: client.id }, { type: 'Encounter', id: request.stayId }],
    }]);
  });
  const url = new URL(client.launchUrl);
  url.searchParams.set('iss', request.fhirBase);
  url.searchParams.set('launch', token);
  return url.href;
}

/** What a launch token stands for, for this app and person; null for any other. */
export async function findLaunch(sql: Sql, tenant: number, asked: { token: string; clientId: string; userId: string }, now: Date): Promise<PatientContext | null> {
  const [row] = await sql.query<{ patient_id: string; stay_id: string }>(
    'select patient_id, stay_id from smart_launch where tenant = $1 and token_digest = $2 and client_id = $3 and user_id = $4 and expires_at > $5',
    [tenant, secretDigest(asked.token), asked.clientId, asked.userId, now]);
  return row === undefined ? null : { patientId: row.patient_id, stayId: row.stay_id };
}

/** Uses the token up; false where another did so first. */
export async function takeLaunch(tx: Sql, tenant: number, token: string): Promise<boolean> {
  return (await tx.query('delete from smart_launch where tenant = $1 and token_digest = $2 returning 1', [tenant, secretDigest(token)])).length > 0;
}
