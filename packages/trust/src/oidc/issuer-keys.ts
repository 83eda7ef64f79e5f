import { randomBytes } from 'node:crypto';
import type { Clock } from '@primum/base';
import type { Db, Sql } from '@primum/store';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose';
import type { Audit } from '../audit/audit.ts';
import { mintSystemPrincipal, type Principal } from '../access/principal.ts';
import type { Keys } from '../keys/keys.ts';

/** What the issuer signs with: JWKs with private parts, the current pair of each algorithm first; secrets of its cookies. */
export type IssuerKeys = { jwks: JWK[]; cookieKeys: string[] };
export type IssuerKeyDeps = { db: Db; keys: Keys; audit: Audit; clock: Clock };

const algorithms = ['RS256', 'ES256'] as const;
/** A retired key verifies as long as an id token signed with it may be looked at. */
const retiredForMs = 24 * 3_600_000;
export const rotateAfterMs = 90 * 24 * 3_600_000;
type Row = { id: string; purpose: string; created_at: Date; retired_at: Date | null; sealed: Buffer };
const aadOf = (id: string): string => `oidc-key|${id}`;

/** The keys that are there; the first start makes them. Two processes that start at once agree by a lock. */
export async function loadIssuerKeys(deps: IssuerKeyDeps, tenant: number): Promise<IssuerKeys> {
  const { db, keys, clock } = deps;
  return db.transaction(async (tx) => {
    await lockKeys(tx, tenant);
    let rows = await readRows(tx, tenant, clock.now());
    const current = rows.filter(({ purpose, retired_at }) => purpose === 'sign' && retired_at === null);
    if (current.length === 0 || current.some(({ created_at }) => clock.now().getTime() - created_at.getTime() > rotateAfterMs)) {
      await replaceKeys(deps, tx, tenant, mintSystemPrincipal('trust'));
      rows = await readRows(tx, tenant, clock.now());
    }
    const opened = await Promise.all(rows.map(async (row) => ({ row, text: (await keys.open(tenant, row.sealed, aadOf(row.id))).toString() })));
    return {
      // Sealed by us: the JWK that `replaceKeys` wrote.
      jwks: opened.filter(({ row }) => row.purpose === 'sign').map(({ text }) => JSON.parse(text) as JWK),
      cookieKeys: opened.filter(({ row }) => row.purpose === 'cookie').map(({ text }) => text),
    };
  });
}

/** New keys for what is signed from now on; the old ones verify for another day. The caller has checked `key.manage`. */
export async function rotateIssuerKeys(deps: IssuerKeyDeps, tenant: number, by: Principal): Promise<void> {
  await deps.db.transaction(async (tx) => {
    await lockKeys(tx, tenant);
    await replaceKeys(deps, tx, tenant, by);
  });
}

async function replaceKeys({ keys, audit, clock }: IssuerKeyDeps, tx: Sql, tenant: number, by: Principal): Promise<void> {
  const now = clock.now();
  await tx.query('update oidc_key set retired_at = $2 where tenant = $1 and retired_at is null', [tenant, now]);
  const fresh: { id: string; purpose: string; plain: string }[] = [{ id: randomBytes(16).toString('hex'), purpose: 'cookie', plain: randomBytes(32).toString('base64url') }];
  for (const alg of algorithms) {
    const { privateKey } = await generateKeyPair(alg, { extractable: true, modulusLength: 3072 });
    const jwk = await exportJWK(privateKey);
    const kid = await calculateJwkThumbprint(jwk);
    fresh.push({ id: kid, purpose: 'sign', plain: JSON.stringify({ ...jwk, kid, alg, use: 'sig' }) });
  }
  for (const { id, purpose, plain } of fresh) {
    await tx.query('insert into oidc_key (tenant, id, purpose, created_at, sealed) values ($1, $2, $3, $4, $5)', [tenant, id, purpose, now, keys.seal(tenant, { kind: 'tenant' }, Buffer.from(plain), aadOf(id))]);
  }
  await audit.write(tx, [{ tenant, action: 'issuer-key.rotated', outcome: 'success', principal: by, purpose: 'HSYSADMIN', at: now, entities: fresh.map(({ id }) => ({ type: 'issuer-key', id })) }]);
}

function readRows(tx: Sql, tenant: number, now: Date): Promise<Row[]> {
  return tx.query<Row>(
    'select id, purpose, created_at, retired_at, sealed from oidc_key where tenant = $1 and (retired_at is null or retired_at > $2) order by created_at desc, id', [tenant, new Date(now.getTime() - retiredForMs)]);
}

async function lockKeys(tx: Sql, tenant: number): Promise<void> {
  await tx.query('select pg_advisory_xact_lock(hashtext($1))', [`oidc-keys ${tenant}`]);
}
