import { PrimumError } from '@primum/base';
import type { AuthorizationDecision, ClientChange, ClientRow, LaunchRequest, NewClient, smartRoutes } from '@primum/contract';
import { createViewDeps, patientOfStay, type ViewDeps } from '@primum/serving';
import {
  addClient, allowAuthorization, createLaunch, denyAuthorization, fhirPath, grantsOfPerson, listClients, readAuthorization, requirePermission, rotateIssuerKeys, setClientDisabled,
  smartConfiguration, withdrawGrant, type RegisteredClient,
} from '@primum/trust';
import { tenant, type Core } from '../../core.ts';
import { callerOf, textOf } from '../caller.ts';
import type { HandlerDeps } from '../handler-deps.ts';
import { externalSignIn } from '../oidc/external-sign-in.ts';
import { scopeWords } from '../oidc/scope-words.ts';
import type { Call, Handler } from '../serve-api.ts';

export function smartOperations(deps: HandlerDeps): Record<keyof typeof smartRoutes, Handler> {
  const { core, issuer, model } = deps;
  const { db } = core;
  const views = createViewDeps({ db, tenant, clock: core.clock, model, findModel: async () => model });
  return {
    ...clientOperations(core),
    ...authorizationOperations(deps, views),
    ...externalSignIn(core),
    smartConfiguration: async ({ reply }) => {
      void reply.header('access-control-allow-origin', '*');
      return smartConfiguration(issuer.current().origin);
    },
    rotateIssuerKeys: async (call) => {
      await rotateIssuerKeys(core, tenant, callerOf(call));
      await issuer.open(issuer.current().origin);
      return null;
    },
    launchableApps: async () => (await listClients(db, tenant)).filter(({ launchUrl, disabledAt }) => launchUrl !== null && disabledAt === null).map(({ id, name }) => ({ id, name })),
    launchApp: async (call) => {
      const { clientId, stayId } = call.body as LaunchRequest; // validated by the route's schema
      const context = await contextOf(core, views, call, stayId, 'smart.launch');
      return { url: await createLaunch(core, tenant, callerOf(call), { clientId, fhirBase: `${issuer.current().origin}${fhirPath}`, ...context }) };
    },
  };
}

function clientOperations(core: Core): Record<'clients' | 'addClient' | 'changeClient', Handler> {
  const list = async (): Promise<ClientRow[]> => (await listClients(core.db, tenant)).map(clientRow);
  return {
    clients: list,
    addClient: async (call) => {
      const { id, name, kind, scopes, purposes = kind === 'service' ? ['TREAT'] as const : [], redirectUris = [], launchUrl, jwks, jwksUri, certificateFingerprint } = call.body as NewClient; // validated by the route's schema
      await addClient(core, tenant, callerOf(call), { id, name, kind, scopes, purposes, redirectUris, launchUrl: launchUrl ?? null, jwks: jwks ?? null, jwksUri: jwksUri ?? null, certificateFingerprint: certificateFingerprint ?? null });
      return list();
    },
    changeClient: async (call) => {
      const { disabled } = call.body as ClientChange; // validated by the route's schema
      await setClientDisabled(core, tenant, callerOf(call), textOf(call.params, 'id'), disabled);
      return list();
    },
  };
}

export function clientRow(client: RegisteredClient): ClientRow {
  const { id, name, kind, redirectUris, launchUrl, scopes, purposes, jwks, jwksUri, certificateFingerprint, createdAt, disabledAt } = client;
  return {
    id, name, kind, redirectUris: [...redirectUris], launchUrl, scopes: [...scopes], purposes: [...purposes],
    proof: jwks !== null ? 'keys' : jwksUri !== null ? 'keys-at-address' : certificateFingerprint !== null ? 'certificate' : 'none',
    createdAt: createdAt.toISOString(), disabledAt: disabledAt?.toISOString() ?? null,
  };
}

function authorizationOperations({ core, issuer }: HandlerDeps, views: ViewDeps): Record<'authorization' | 'decideAuthorization' | 'grants' | 'withdrawGrant', Handler> {
  const browserOf = (call: Call) => ({ request: call.request.raw, response: call.reply.raw });
  return {
    authorization: async (call) => {
      const { clientName, scopes, context, choosesPatient } = await readAuthorization(core, issuer.current(), tenant, callerOf(call), textOf(call.params, 'uid'), browserOf(call));
      return { clientName, scopes: scopes.map(({ scope, allowed }) => ({ scope, words: scopeWords(scope), allowed })), stayId: context?.stayId ?? null, choosesPatient };
    },
    decideAuthorization: async (call) => {
      const { allow, scopes, stayId } = call.body as AuthorizationDecision; // validated by the route's schema
      const uid = textOf(call.params, 'uid');
      const person = callerOf(call);
      if (!allow) return { url: await denyAuthorization(core, issuer.current(), tenant, person, uid, browserOf(call)) };
      const chosen = stayId === undefined ? null : await contextOf(core, views, call, stayId, 'smart.patient-chosen');
      return { url: await allowAuthorization(core, issuer.current(), tenant, person, browserOf(call), { uid, scopes, chosen }) };
    },
    grants: async (call) => (await grantsOfPerson(core.db, tenant, callerOf(call).userId, core.clock.now())).map(({ id, clientId, scopes, patientId, createdAt, expiresAt }) => ({
      id, clientId, scopes: [...scopes], patientId, createdAt: createdAt.toISOString(), expiresAt: expiresAt.toISOString(),
    })),
    withdrawGrant: async (call) => {
      await withdrawGrant(core, tenant, callerOf(call), textOf(call.params, 'id'));
      return null;
    },
  };
}

/** The patient of a stay, where this person may read them now. */
async function contextOf(core: Core, views: ViewDeps, call: Call, stayId: string, action: string): Promise<{ patientId: string; stayId: string }> {
  const patientId = await patientOfStay(views, stayId);
  if (patientId === undefined) throw new PrimumError('record.not-found', 'stay');
  await requirePermission(core, { tenant, principal: callerOf(call), authority: 'patient.read', purpose: 'TREAT', action, patientIds: [patientId] });
  return { patientId, stayId };
}
