import { PrimumError, type Clock } from '@primum/base';
import type { Db, Sql } from '@primum/store';
import type { ClientMetadata } from 'oidc-provider';
import { requirePermission } from '../access/require-permission.ts';
import type { Principal, Purpose } from '../access/principal.ts';
import type { Audit } from '../audit/audit.ts';
import type { Policy } from '../policy/policy.ts';
import { canonicalScope, coveredScopes, isRestricted } from './scopes.ts';

/** `app`: acts for a person. `service`: acts for itself, known by its key or its certificate (SHA-256, 64 hex digits). */
export type ClientKind = 'app' | 'service';
export type RegisteredClient = {
  id: string; name: string; kind: ClientKind; redirectUris: readonly string[]; launchUrl: string | null; scopes: readonly string[];
  /** What a service account may ask for; of an app, the person's own say. */
  purposes: readonly Purpose[];
  jwks: { keys: readonly object[] } | null; jwksUri: string | null; certificateFingerprint: string | null; createdAt: Date; disabledAt: Date | null;
};
export type NewClient = Omit<RegisteredClient, 'createdAt' | 'disabledAt'>;
export type ClientDeps = { db: Db; audit: Audit; clock: Clock; policy: Policy };

type Row = {
  id: string; name: string; kind: ClientKind; redirect_uris: string[]; launch_url: string | null; scopes: string[]; purposes: Purpose[]; jwks: { keys: object[] } | null; jwks_uri: string | null;
  certificate_fingerprint: Buffer | null; created_at: Date; disabled_at: Date | null;
};
const columns = 'id, name, kind, redirect_uris, launch_url, scopes, purposes, jwks, jwks_uri, certificate_fingerprint, created_at, disabled_at';

function clientOf(row: Row): RegisteredClient {
  return {
    id: row.id, name: row.name, kind: row.kind, redirectUris: row.redirect_uris, launchUrl: row.launch_url, scopes: row.scopes, purposes: row.purposes, jwks: row.jwks, jwksUri: row.jwks_uri,
    certificateFingerprint: row.certificate_fingerprint?.toString('hex') ?? null, createdAt: row.created_at, disabledAt: row.disabled_at,
  };
}

export async function findClient(sql: Sql, tenant: number, id: string): Promise<RegisteredClient | null> {
  const [row] = await sql.query<Row>(`select ${columns} from client where tenant = $1 and id = $2`, [tenant, id]);
  return row === undefined ? null : clientOf(row);
}

/** A service account that shows this certificate (SHA-256 of its DER); null where none is registered or it is disabled. */
export async function findClientByCertificate(sql: Sql, tenant: number, fingerprint: Buffer): Promise<RegisteredClient | null> {
  const [row] = await sql.query<Row>(`select ${columns} from client where tenant = $1 and certificate_fingerprint = $2 and disabled_at is null and kind = 'service'`, [tenant, fingerprint]);
  return row === undefined ? null : clientOf(row);
}

export async function listClients(sql: Sql, tenant: number): Promise<RegisteredClient[]> {
  return (await sql.query<Row>(`select ${columns} from client where tenant = $1 order by kind, id limit 1000`, [tenant])).map(clientOf);
}

/** Whether an enabled app runs at this origin (`https://app.example`): its pages may then read answers (CORS). */
export async function isAppOrigin(sql: Sql, tenant: number, origin: string): Promise<boolean> {
  if (!URL.canParse(origin)) return false;
  return (await sql.query(
    `select 1 from client where tenant = $1 and kind = 'app' and disabled_at is null and exists (select 1 from unnest(redirect_uris) u where starts_with(u, $2 || '/') or u = $2) limit 1`,
    [tenant, new URL(origin).origin])).length > 0;
}

/** Registers a client. Throws auth.forbidden without `client.manage`, client.invalid, client.exists. */
export async function addClient(deps: ClientDeps, tenant: number, by: Principal, client: NewClient): Promise<void> {
  await requirePermission(deps, { tenant, principal: by, authority: 'client.manage', purpose: 'HSYSADMIN', action: 'client.added' });
  checkClient(client);
  const scopes = client.scopes.map((scope) => canonicalScope(scope)!); // checked just before
  await deps.db.transaction(async (tx) => {
    const added = await tx.query(
      `insert into client (tenant, id, name, kind, redirect_uris, launch_url, scopes, jwks, jwks_uri, certificate_fingerprint, created_at, purposes)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) on conflict do nothing returning 1`,
      [
        tenant, client.id, client.name, client.kind, client.redirectUris, client.launchUrl, scopes, client.jwks === null ? null : JSON.stringify(client.jwks), client.jwksUri,
        client.certificateFingerprint === null ? null : Buffer.from(client.certificateFingerprint, 'hex'), deps.clock.now(), client.purposes,
      ]);
    if (added.length === 0) throw new PrimumError('client.exists');
    await deps.audit.write(tx, [{
      tenant, action: 'client.added', outcome: 'success', principal: by, purpose: 'HSYSADMIN', at: deps.clock.now(),
      entities: [{ type: 'client', id: client.id }, ...scopes.map((id) => ({ type: 'scope', id })), ...client.purposes.map((id) => ({ type: 'purpose', id }))],
    }]);
  });
}

/** A disabled client gets no token, and those it has are void at once. */
export async function setClientDisabled(deps: ClientDeps, tenant: number, by: Principal, id: string, disabled: boolean): Promise<void> {
  const action = disabled ? 'client.disabled' : 'client.enabled';
  await requirePermission(deps, { tenant, principal: by, authority: 'client.manage', purpose: 'HSYSADMIN', action });
  await deps.db.transaction(async (tx) => {
    const rows = await tx.query('update client set disabled_at = $3 where tenant = $1 and id = $2 returning 1', [tenant, id, disabled ? deps.clock.now() : null]);
    if (rows.length === 0) throw new PrimumError('client.not-found');
    if (disabled) {
      await tx.query('delete from oidc_payload where tenant = $1 and client_id = $2', [tenant, id]);
      await tx.query('delete from oidc_grant where tenant = $1 and client_id = $2', [tenant, id]);
    }
    await deps.audit.write(tx, [{ tenant, action, outcome: 'success', principal: by, purpose: 'HSYSADMIN', at: deps.clock.now(), entities: [{ type: 'client', id }] }]);
  });
}

const invalid = (detail: string): PrimumError => new PrimumError('client.invalid', detail);

function checkClient(client: NewClient): void {
  const { id, kind, redirectUris, launchUrl, scopes, jwks, jwksUri, certificateFingerprint } = client;
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(id)) throw invalid('id: letters, digits, . _ -, at most 64');
  if (jwks !== null && (!Array.isArray(jwks.keys) || jwks.keys.length === 0 || jwks.keys.length > 10 || jwks.keys.some((key) => 'd' in key || 'k' in key))) throw invalid('jwks: 1 to 10 public keys');
  if (jwksUri !== null && !isSecure(jwksUri)) throw invalid('jwksUri: https');
  if (jwks !== null && jwksUri !== null) throw invalid('jwks or jwksUri, not both');
  if (certificateFingerprint !== null && !/^[0-9a-f]{64}$/.test(certificateFingerprint)) throw invalid('certificateFingerprint: SHA-256 as 64 hex digits');
  for (const scope of scopes) {
    if (isRestricted(scope)) throw invalid('scopes: restrictions by search are not supported');
    if (canonicalScope(scope) === null) throw invalid('scopes: one is not known');
    if (scope.startsWith('system/') !== (kind === 'service')) throw invalid('scopes: system/ is for services, everything else for apps');
  }
  if (scopes.length === 0) throw invalid('scopes: at least one');
  if ((client.purposes.length > 0) !== (kind === 'service')) throw invalid('purposes: at least one of a service; an app asks for what its person does');
  if (kind === 'app') {
    if (redirectUris.length === 0 || redirectUris.length > 10 || !redirectUris.every(isRedirect)) throw invalid('redirectUris: 1 to 10, https, http on this machine, or an app\'s own scheme; no fragment');
    if (launchUrl !== null && !isSecure(launchUrl)) throw invalid('launchUrl: https, or http on this machine');
    if (certificateFingerprint !== null) throw invalid('certificateFingerprint: for services');
  } else {
    if (redirectUris.length > 0 || launchUrl !== null) throw invalid('a service has no redirect and no launch');
    if (jwks === null && jwksUri === null && certificateFingerprint === null) throw invalid('a service has keys (jwks, jwksUri) or a certificate');
  }
}

function isSecure(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, hash, username, password } = new URL(text);
  return hash === '' && username === '' && password === '' && (protocol === 'https:' || (protocol === 'http:' && ['127.0.0.1', 'localhost', '[::1]'].includes(hostname)));
}

/** RFC 8252, section 7.1: an app's own scheme is a reversed domain name. */
function isRedirect(text: string): boolean {
  return isSecure(text) || (URL.canParse(text) && /^[a-z][a-z0-9-]*(\.[a-z0-9-]+)+:/.test(text) && !text.includes('#'));
}

/** As oidc-provider takes it. */
export function providerMetadata(client: RegisteredClient): ClientMetadata {
  const keys = client.jwks !== null || client.jwksUri !== null;
  const app = client.kind === 'app';
  return {
    client_id: client.id, client_name: client.name,
    application_type: client.redirectUris.every(isSecure) ? 'web' : 'native',
    redirect_uris: [...client.redirectUris],
    grant_types: app ? ['authorization_code', 'refresh_token'] : ['client_credentials'],
    response_types: app ? ['code'] : [],
    // A service that is known by its certificate alone asks for no tokens.
    token_endpoint_auth_method: keys ? 'private_key_jwt' : 'none',
    scope: coveredScopes(client.scopes).join(' '),
    // Validated when it was registered.
    ...(client.jwks === null ? {} : { jwks: client.jwks as NonNullable<ClientMetadata['jwks']> }),
    ...(client.jwksUri === null ? {} : { jwks_uri: client.jwksUri }),
  };
}
