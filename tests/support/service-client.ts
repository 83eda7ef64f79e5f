import { randomUUID } from 'node:crypto';
import { addClient, mintSystemPrincipal, type Purpose } from '@primum/trust';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { Primum } from '../../apps/primum/src/boot.ts';
import { tenant } from '../../apps/primum/src/core.ts';

export type ServiceClient = {
  id: string;
  /** A fresh access token (SMART backend services). */
  token(scope?: string): Promise<string>;
  /** A request to FHIR with a token of its own; the path begins after `/api/fhir`. */
  fhir(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<{ status: number; headers: Headers; body: unknown }>;
};

/** Registers a service account with a key of its own, as a hospital would, and speaks for it. */
export async function serviceClient(primum: Primum, { scopes = ['system/*.cruds'], purposes = ['TREAT'] }: { scopes?: string[]; purposes?: Purpose[] } = {}): Promise<ServiceClient> {
  const origin = primum.url.replace(/\/$/, '');
  const { publicKey, privateKey } = await generateKeyPair('ES384', { extractable: true });
  const id = `service-${randomUUID()}`;
  await addClient(primum.core, tenant, mintSystemPrincipal('cli:test'), {
    id, name: 'Service', kind: 'service', scopes, purposes, redirectUris: [], launchUrl: null, jwks: { keys: [{ ...await exportJWK(publicKey), kid: 'k1', alg: 'ES384', use: 'sig' }] }, jwksUri: null, certificateFingerprint: null,
  });
  const token = async (scope = scopes.join(' ')): Promise<string> => {
    const assertion = await new SignJWT({ iss: id, sub: id, aud: `${origin}/oidc/token`, jti: randomUUID(), exp: Math.floor(Date.now() / 1_000) + 240 })
      .setProtectedHeader({ alg: 'ES384', kid: 'k1', typ: 'JWT' }).sign(privateKey);
    const response = await fetch(`${origin}/oidc/token`, { method: 'POST', body: new URLSearchParams({ grant_type: 'client_credentials', scope, client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion: assertion }) });
    const { access_token: access } = await response.json() as { access_token?: string }; // the endpoint answers objects
    if (access === undefined) throw new Error(`the token endpoint answered ${response.status}`);
    return access;
  };
  let held: { access: string; until: number } | undefined;
  return {
    id, token,
    async fhir(method, path, body, headers = {}) {
      if (held === undefined || held.until < Date.now()) held = { access: await token(), until: Date.now() + 200_000 };
      const response = await fetch(`${origin}/api/fhir${path}`, {
        method, headers: { authorization: `Bearer ${held.access}`, ...(body === undefined ? {} : { 'content-type': 'application/fhir+json' }), ...headers },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
    },
  };
}
