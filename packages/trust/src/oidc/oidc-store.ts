import type { Clock } from '@primum/base';
import type { Db, Sql } from '@primum/store';
import { errors, type Adapter, type AdapterPayload } from 'oidc-provider';
import type { Audit } from '../audit/audit.ts';
import type { Keys } from '../keys/keys.ts';
import { findClient, providerMetadata } from '../smart/clients.ts';
import { secretDigest } from './digest.ts';
import { findPerson } from './people.ts';

export type OidcStoreDeps = { db: Db; keys: Keys; audit: Audit; clock: Clock };

type PayloadRow = { sealed: Buffer; id_digest: Buffer; consumed_at: Date | null };
const tokenKinds: Readonly<Record<string, string>> = { AccessToken: 'access-token', RefreshToken: 'refresh-token', ClientCredentials: 'access-token' };
const sweepAtMost = 5_000;

/**
 * Where oidc-provider keeps what it issues: payloads sealed under the tenant's key, ids by digest, so that a copy of the
 * table is no token. Issuing a token and its audit are one transaction. A code, a refresh token and an assertion are
 * consumed by one statement: of two at once, one loses, and losing a code or a refresh token ends its whole grant.
 */
export function createOidcStore(deps: OidcStoreDeps, tenant: number): (model: string) => Adapter {
  const { db, keys, audit, clock } = deps;
  const digestOf = (kind: string, id: string): Buffer => secretDigest(`${kind}\0${id}`);
  const aadOf = (kind: string, digest: Buffer): string => `oidc|${kind}|${digest.toString('hex')}`;

  const opened = async (kind: string, row: PayloadRow | undefined): Promise<AdapterPayload | undefined> => {
    if (row === undefined) return undefined;
    // Sealed by us under this kind and id.
    const payload = JSON.parse((await keys.open(tenant, row.sealed, aadOf(kind, row.id_digest))).toString()) as AdapterPayload;
    return row.consumed_at === null ? payload : { ...payload, consumed: Math.floor(row.consumed_at.getTime() / 1_000) };
  };

  const insert = async (tx: Sql, kind: string, id: string, payload: AdapterPayload, expiresIn = 0): Promise<void> => {
    const digest = digestOf(kind, id);
    const now = clock.now();
    const rows = await tx.query(
      `insert into oidc_payload (tenant, kind, id_digest, grant_digest, uid_digest, client_id, user_id, issued_at, expires_at, sealed)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
       on conflict (tenant, kind, id_digest) ${kind === 'ReplayDetection' ? 'do nothing' : 'do update set grant_digest = excluded.grant_digest, uid_digest = excluded.uid_digest, user_id = excluded.user_id, expires_at = excluded.expires_at, sealed = excluded.sealed'}
       returning 1`,
      [
        tenant, kind, digest, payload.grantId === undefined ? null : secretDigest(payload.grantId), payload.uid === undefined ? null : secretDigest(payload.uid),
        payload.clientId ?? null, payload.accountId ?? null, now, new Date(now.getTime() + expiresIn * 1_000),
        keys.seal(tenant, { kind: 'tenant' }, Buffer.from(JSON.stringify(payload)), aadOf(kind, digest)),
      ],
    );
    if (rows.length === 0) throw new errors.InvalidClientAuth('client assertion tokens must only be used once');
  };

  const auditToken = async (tx: Sql, action: string, what: string, payload: AdapterPayload): Promise<void> => {
    const clientId = payload.clientId ?? '';
    const person = payload.accountId === undefined ? null : await findPerson(tx, tenant, payload.accountId);
    const scopes = typeof payload.scope === 'string' ? payload.scope.split(' ') : [];
    await audit.write(tx, [{
      tenant, action, outcome: 'success', purpose: 'HSYSADMIN', at: clock.now(),
      principal: person === null ? { kind: 'client', clientId, scopes, purposes: [] } : { ...person.principal, via: { clientId, scopes } },
      entities: [{ type: what, id: payload.jti === undefined ? '' : secretDigest(payload.jti).toString('hex').slice(0, 16) }, { type: 'client', id: clientId }, ...scopes.map((id) => ({ type: 'scope', id }))],
    }]);
  };

  const revoke = async (grantId: string): Promise<void> => {
    await db.transaction((tx) => revokeGrant(tx, tenant, secretDigest(grantId)));
  };

  return (kind) => {
    if (kind === 'Client') {
      return {
        ...closed,
        find: async (id) => {
          const client = await findClient(db, tenant, id);
          return client === null || client.disabledAt !== null ? undefined : providerMetadata(client);
        },
      };
    }
    return {
      ...closed,
      upsert: (id, payload, expiresIn) => db.transaction(async (tx) => {
        await insert(tx, kind, id, payload, expiresIn);
        const token = tokenKinds[kind];
        if (token !== undefined) await auditToken(tx, 'token.issued', token, payload);
      }),
      find: async (id) => {
        const [row] = await db.query<PayloadRow>(
          'select sealed, id_digest, consumed_at from oidc_payload where tenant = $1 and kind = $2 and id_digest = $3 and expires_at > $4', [tenant, kind, digestOf(kind, id), clock.now()]);
        return opened(kind, row);
      },
      findByUid: async (uid) => {
        const [row] = await db.query<PayloadRow>(
          'select sealed, id_digest, consumed_at from oidc_payload where tenant = $1 and uid_digest = $2 and kind = $3 and expires_at > $4', [tenant, secretDigest(uid), kind, clock.now()]);
        return opened(kind, row);
      },
      consume: async (id) => {
        const [row] = await db.query<{ id_digest: Buffer }>(
          'update oidc_payload set consumed_at = $4 where tenant = $1 and kind = $2 and id_digest = $3 and consumed_at is null returning id_digest', [tenant, kind, digestOf(kind, id), clock.now()]);
        if (row !== undefined) return;
        const [used] = await db.query<{ grant_digest: Buffer | null }>('select grant_digest from oidc_payload where tenant = $1 and kind = $2 and id_digest = $3', [tenant, kind, digestOf(kind, id)]);
        if (used !== undefined && used.grant_digest !== null) await db.transaction((tx) => revokeGrant(tx, tenant, used.grant_digest!));
        throw new errors.InvalidGrant('already used');
      },
      destroy: async (id) => {
        await db.transaction(async (tx) => {
          const [row] = await tx.query<PayloadRow>('delete from oidc_payload where tenant = $1 and kind = $2 and id_digest = $3 returning sealed, id_digest, consumed_at', [tenant, kind, digestOf(kind, id)]);
          const token = tokenKinds[kind];
          const payload = token === undefined ? undefined : await opened(kind, row);
          if (token !== undefined && payload !== undefined) await auditToken(tx, 'token.revoked', token, payload);
        });
      },
      revokeByGrantId: revoke,
    };
  };
}

const refuse = async (): Promise<never> => { throw new Error('the issuer keeps no such thing'); };
const closed: Adapter = { upsert: refuse, find: refuse, findByUserCode: refuse, findByUid: refuse, consume: refuse, destroy: refuse, revokeByGrantId: refuse };

/** Ends a grant and everything that was issued under it. */
export async function revokeGrant(tx: Sql, tenant: number, grantDigest: Buffer): Promise<void> {
  await tx.query('delete from oidc_payload where tenant = $1 and grant_digest = $2', [tenant, grantDigest]);
  await tx.query('delete from oidc_grant where tenant = $1 and grant_digest = $2', [tenant, grantDigest]);
}

/** Removes what has expired, a bounded part at a time; true where there may be more. */
export async function sweepOidc(db: Db, now: Date): Promise<boolean> {
  const swept = await db.query(
    'delete from oidc_payload where ctid in (select ctid from oidc_payload where expires_at <= $1 order by expires_at limit $2) returning 1', [now, sweepAtMost]);
  await db.query('delete from oidc_grant where expires_at <= $1', [now]);
  await db.query('delete from smart_launch where expires_at <= $1', [now]);
  return swept.length === sweepAtMost;
}
