import type { Clock } from '@primum/base';
import type { Db } from '@primum/store';
import type { ClientPrincipal, Purpose, UserPrincipal } from '../access/principal.ts';
import type { Keys } from '../keys/keys.ts';
import { secretDigest } from '../oidc/digest.ts';
import { findPerson } from '../oidc/people.ts';
import { findClientByCertificate } from './clients.ts';

export type BearerDeps = { db: Db; keys: Keys; clock: Clock };

type Row = { kind: 'AccessToken' | 'ClientCredentials'; id_digest: Buffer; client_id: string; user_id: string | null; issued_at: Date; sealed: Buffer; mfa: boolean | null; patient_id: string | null; purposes: Purpose[] };

const selectToken = `
select p.kind, p.id_digest, p.client_id, p.user_id, p.issued_at, p.sealed, g.mfa, g.patient_id, c.purposes
from oidc_payload p
join client c on c.tenant = p.tenant and c.id = p.client_id and c.disabled_at is null
left join oidc_grant g on g.tenant = p.tenant and g.grant_digest = p.grant_digest and g.expires_at > $4
where p.tenant = $1 and p.id_digest in ($2, $3) and p.kind in ('AccessToken', 'ClientCredentials') and p.expires_at > $4`;

const maxOpened = 10_000;
/** What the sealed part of a token says, by what binds it there. */
const opened = new Map<string, { sealed: Buffer; scopes: readonly string[] }>();

/** Opened once: a sealed part that is byte for byte what it was, where it was, says what it said. */
async function scopesOf(keys: Keys, tenant: number, { kind, id_digest: digest, sealed }: Row): Promise<readonly string[]> {
  const aad = `oidc|${kind}|${digest.toString('hex')}`;
  const known = opened.get(aad);
  if (known?.sealed.equals(sealed) === true) return known.scopes;
  const plain = await keys.open(tenant, sealed, aad);
  // Sealed by the issuer's store: what oidc-provider wrote of a token.
  const { scope = '' } = JSON.parse(plain.toString()) as { scope?: string };
  const scopes = scope.split(' ').filter((one) => one !== '');
  if (opened.size >= maxOpened) opened.clear();
  opened.set(aad, { sealed, scopes });
  return scopes;
}

/**
 * Who stands behind an access token: a person through an app, or a service account; null where it is not good. Whether it
 * is good is not remembered between calls, so a token that was revoked, whose client or person was disabled, or whose grant was
 * withdrawn is void with the next call.
 */
export async function bearerPrincipal(deps: BearerDeps, tenant: number, token: string, remote: string): Promise<UserPrincipal | ClientPrincipal | null> {
  if (!/^[A-Za-z0-9_-]{22,128}$/.test(token)) return null;
  const [row] = await deps.db.query<Row>(selectToken, [tenant, secretDigest(`AccessToken\0${token}`), secretDigest(`ClientCredentials\0${token}`), deps.clock.now()], { point: true });
  if (row === undefined) return null;
  const scopes = await scopesOf(deps.keys, tenant, row);
  if (row.kind === 'ClientCredentials') return { kind: 'client', clientId: row.client_id, scopes, purposes: row.purposes, remote };
  if (row.user_id === null || row.mfa === null) return null;
  const person = await findPerson(deps.db, tenant, row.user_id);
  if (person === null || person.validFrom > row.issued_at) return null;
  return { ...person.principal, mfa: row.mfa, remote, via: { clientId: row.client_id, scopes, ...(row.patient_id === null ? {} : { patientId: row.patient_id }) } };
}

/**
 * Who stands behind a client certificate: plain mutual TLS. The handshake has proven the key; the certificate is known
 * by its SHA-256 fingerprint, which an administrator registered, so no authority needs to be trusted. Tokens are not
 * bound to certificates (RFC 8705, section 3): a peer with a certificate needs none.
 */
export async function certificatePrincipal(deps: BearerDeps, tenant: number, fingerprint: Buffer, remote: string): Promise<ClientPrincipal | null> {
  const client = await findClientByCertificate(deps.db, tenant, fingerprint);
  return client === null ? null : { kind: 'client', clientId: client.id, scopes: client.scopes, purposes: client.purposes, remote };
}
