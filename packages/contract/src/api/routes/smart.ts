import { Type } from 'typebox';
import { Text, Uuid } from '../common.ts';
import type { Route } from '../route.ts';
import {
  AuthorizationDecision, AuthorizationParams, AuthorizationView, ClientChange, ClientParams, ClientRow, ExternalIssuer, GoOn, GrantRow, LaunchableApp, LaunchRequest, NewClient,
} from '../smart.ts';

/** SMART apps and service accounts: registered clients, launches, what a person allows; signing in at another issuer. */
export const smartRoutes = {
  smartConfiguration: { method: 'GET', path: '/api/fhir/.well-known/smart-configuration', needs: 'public', response: Type.Record(Type.String(), Type.Unknown()) },
  clients: { method: 'GET', path: '/api/clients', needs: 'client.manage', response: Type.Array(ClientRow) },
  addClient: { method: 'POST', path: '/api/clients', needs: 'client.manage', freshFactor: true, body: NewClient, response: Type.Array(ClientRow) },
  changeClient: { method: 'PUT', path: '/api/clients/:id', needs: 'client.manage', freshFactor: true, params: ClientParams, body: ClientChange, response: Type.Array(ClientRow) },
  rotateIssuerKeys: { method: 'POST', path: '/api/issuer/keys', needs: 'key.manage', freshFactor: true },
  launchableApps: { method: 'GET', path: '/api/smart/apps', needs: 'patient.read', response: Type.Array(LaunchableApp) },
  launchApp: { method: 'POST', path: '/api/smart/launches', needs: 'patient.read', body: LaunchRequest, response: GoOn },
  authorization: { method: 'GET', path: '/api/smart/authorizations/:uid', needs: 'session', params: AuthorizationParams, response: AuthorizationView },
  decideAuthorization: { method: 'POST', path: '/api/smart/authorizations/:uid', needs: 'session', params: AuthorizationParams, body: AuthorizationDecision, response: GoOn },
  grants: { method: 'GET', path: '/api/smart/grants', needs: 'session', response: Type.Array(GrantRow) },
  withdrawGrant: { method: 'DELETE', path: '/api/smart/grants/:id', needs: 'session', params: Type.Object({ id: Uuid }) },
  externalIssuer: { method: 'GET', path: '/api/session/external', needs: 'public', response: ExternalIssuer },
  externalSignIn: { method: 'GET', path: '/api/session/external/start', needs: 'public', query: Type.Object({ next: Type.Optional(Text(500)) }) },
  externalCallback: { method: 'GET', path: '/api/session/external/callback', needs: 'public', query: Type.Object({}, { additionalProperties: true }) },
} as const satisfies Record<string, Route>;
