import type { IncomingMessage, ServerResponse } from 'node:http';
import { PrimumError, uuidv7 } from '@primum/base';
import { errors } from 'oidc-provider';
import type { UserPrincipal } from '../access/principal.ts';
import { grantTtlMs, type Issuer, type IssuerDeps } from '../oidc/create-issuer.ts';
import { secretDigest } from '../oidc/digest.ts';
import { revokeGrant } from '../oidc/oidc-store.ts';
import { findClient } from './clients.ts';
import { writeGrant, type AppGrant } from './grants.ts';
import { findLaunch, takeLaunch, type PatientContext } from './launches.ts';
import { isResourceScope } from './scopes.ts';

/** Without a refresh token a grant is over with its one access token. */
const onlineTtlMs = 10 * 60_000;

/** The browser that was sent here by the issuer: its signed cookie names the request. */
export type Browser = { request: IncomingMessage; response: ServerResponse };

/** What an app asks a person for, as the consent page shows it. */
export type Authorization = {
  uid: string; clientId: string; clientName: string;
  /** In the order asked. `allowed`: this person's role may have it. */
  scopes: readonly { scope: string; allowed: boolean }[];
  /** The launch's patient; null: none was launched. */
  context: PatientContext | null;
  /** The app asks for a patient and no launch gave one. */
  choosesPatient: boolean;
};

/**
 * Reads the request that this browser brought. A person who was sent another's address lacks the cookie, so nobody can
 * be made to allow what a stranger's browser began.
 */
export async function readAuthorization(deps: IssuerDeps, issuer: Issuer, tenant: number, person: UserPrincipal, uid: string, browser: Browser): Promise<Authorization> {
  const { params } = await detailsOf(issuer, uid, browser);
  const { client_id: clientId, scope, launch } = params;
  const client = typeof clientId === 'string' ? await findClient(deps.db, tenant, clientId) : null;
  if (client === null || client.disabledAt !== null) throw new PrimumError('smart.authorization-ended');
  const asked = typeof scope === 'string' ? scope.split(' ') : [];
  const mayRead = deps.policy.decide({ tenant, principal: person, authority: 'patient.read', purpose: 'TREAT' }).allowed;
  const context = typeof launch === 'string' ? await findLaunch(deps.db, tenant, { token: launch, clientId: client.id, userId: person.userId }, deps.clock.now()) : null;
  if (typeof launch === 'string' && context === null) throw new PrimumError('smart.launch-invalid');
  const needsPatient = asked.some((one) => one === 'launch/patient' || one === 'launch/encounter' || one.startsWith('patient/'));
  return {
    uid, clientId: client.id, clientName: client.name, context,
    scopes: asked.map((one) => ({ scope: one, allowed: mayRead || !(isResourceScope(one) || one.startsWith('launch')) })),
    choosesPatient: context === null && needsPatient && mayRead,
  };
}

/** Allows what is in `scopes` (of what was asked and the role may have); gives the address at which the browser goes on. */
export async function allowAuthorization(
  deps: IssuerDeps, issuer: Issuer, tenant: number, person: UserPrincipal, browser: Browser,
  decision: { uid: string; scopes: readonly string[]; chosen: PatientContext | null },
): Promise<string> {
  const authorization = await readAuthorization(deps, issuer, tenant, person, decision.uid, browser);
  const context = authorization.context ?? decision.chosen;
  const granted = authorization.scopes.filter(({ scope, allowed }) => allowed && decision.scopes.includes(scope)).map(({ scope }) => scope);
  if (authorization.choosesPatient && context === null && granted.some((scope) => scope.startsWith('patient/') || scope.startsWith('launch/'))) throw new PrimumError('smart.patient-required');
  const details = await detailsOf(issuer, decision.uid, browser);
  const grant = new issuer.provider.Grant({ accountId: person.userId, clientId: authorization.clientId });
  if (granted.length > 0) grant.addOIDCScope(granted.join(' '));
  const rejected = authorization.scopes.map(({ scope }) => scope).filter((scope) => !granted.includes(scope));
  if (rejected.length > 0) grant.rejectOIDCScope(rejected.join(' '));
  const grantId = await grant.save();
  const now = deps.clock.now();
  await deps.db.transaction(async (tx) => {
    if (typeof details.params['launch'] === 'string' && !await takeLaunch(tx, tenant, details.params['launch'])) throw new PrimumError('smart.launch-invalid');
    await writeGrant(tx, tenant, secretDigest(grantId), {
      id: uuidv7(now.getTime()), clientId: authorization.clientId, userId: person.userId, scopes: granted, mfa: person.mfa ?? false,
      patientId: context?.patientId ?? null, stayId: context?.stayId ?? null, createdAt: now, expiresAt: new Date(now.getTime() + (granted.includes('offline_access') ? grantTtlMs : onlineTtlMs)),
    });
    await deps.audit.write(tx, [{
      tenant, action: 'smart.allowed', outcome: 'success', principal: person, purpose: 'HSYSADMIN', at: now,
      ...(context === null ? {} : { patientId: context.patientId }), entities: [{ type: 'client', id: authorization.clientId }, ...granted.map((id) => ({ type: 'scope', id }))],
    }]);
  });
  return issuer.provider.interactionResult(browser.request, browser.response, {
    login: { accountId: person.userId, remember: false, amr: person.mfa === true ? ['mfa'] : ['pwd'] }, consent: { grantId },
  }, { mergeWithLastSubmission: false });
}

/** Sends the browser back to the app with `access_denied`. */
export async function denyAuthorization(deps: IssuerDeps, issuer: Issuer, tenant: number, person: UserPrincipal, uid: string, browser: Browser): Promise<string> {
  const { params } = await detailsOf(issuer, uid, browser);
  await deps.audit.write(deps.db, [{
    tenant, action: 'smart.denied', outcome: 'success', principal: person, purpose: 'HSYSADMIN', at: deps.clock.now(), entities: [{ type: 'client', id: String(params['client_id']) }],
  }]);
  return issuer.provider.interactionResult(browser.request, browser.response, { error: 'access_denied', error_description: 'the person did not allow it' }, { mergeWithLastSubmission: false });
}

/** A person takes back what they allowed an app; its tokens are void at once. */
export async function withdrawGrant(deps: IssuerDeps, tenant: number, person: UserPrincipal, grantId: AppGrant['id']): Promise<void> {
  await deps.db.transaction(async (tx) => {
    const [row] = await tx.query<{ grant_digest: Buffer; client_id: string }>('select grant_digest, client_id from oidc_grant where tenant = $1 and id = $2 and user_id = $3 for update', [tenant, grantId, person.userId]);
    if (row === undefined) throw new PrimumError('smart.authorization-ended');
    await revokeGrant(tx, tenant, row.grant_digest);
    await deps.audit.write(tx, [{ tenant, action: 'smart.withdrawn', outcome: 'success', principal: person, purpose: 'HSYSADMIN', at: deps.clock.now(), entities: [{ type: 'client', id: row.client_id }] }]);
  });
}

async function detailsOf(issuer: Issuer, uid: string, { request, response }: Browser): Promise<{ params: Record<string, unknown> }> {
  try {
    const details = await issuer.provider.interactionDetails(request, response);
    if (details.uid !== uid) throw new PrimumError('smart.authorization-ended');
    return details;
  } catch (error) {
    if (error instanceof errors.SessionNotFound) throw new PrimumError('smart.authorization-ended');
    throw error;
  }
}
