import type { Sql } from '@primum/store';

/** What a person allowed an app: shown to them, and what its tokens are looked up by. */
export type AppGrant = { id: string; clientId: string; userId: string; scopes: readonly string[]; mfa: boolean; patientId: string | null; stayId: string | null; createdAt: Date; expiresAt: Date };
type Row = { id: string; client_id: string; user_id: string; scopes: string[]; mfa: boolean; patient_id: string | null; stay_id: string | null; created_at: Date; expires_at: Date };
const columns = 'id, client_id, user_id, scopes, mfa, patient_id, stay_id, created_at, expires_at';

function grantOf(row: Row): AppGrant {
  return { id: row.id, clientId: row.client_id, userId: row.user_id, scopes: row.scopes, mfa: row.mfa, patientId: row.patient_id, stayId: row.stay_id, createdAt: row.created_at, expiresAt: row.expires_at };
}

export async function readGrant(sql: Sql, tenant: number, grantDigest: Buffer): Promise<AppGrant | null> {
  const [row] = await sql.query<Row>(`select ${columns} from oidc_grant where tenant = $1 and grant_digest = $2`, [tenant, grantDigest]);
  return row === undefined ? null : grantOf(row);
}

export async function grantsOfPerson(sql: Sql, tenant: number, userId: string, now: Date): Promise<AppGrant[]> {
  return (await sql.query<Row>(`select ${columns} from oidc_grant where tenant = $1 and user_id = $2 and expires_at > $3 order by created_at desc limit 200`, [tenant, userId, now])).map(grantOf);
}

export async function writeGrant(tx: Sql, tenant: number, grantDigest: Buffer, grant: AppGrant): Promise<void> {
  await tx.query(
    'insert into oidc_grant (tenant, id, grant_digest, client_id, user_id, scopes, mfa, patient_id, stay_id, created_at, expires_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)',
    [tenant, grant.id, grantDigest, grant.clientId, grant.userId, grant.scopes, grant.mfa, grant.patientId, grant.stayId, grant.createdAt, grant.expiresAt]);
}
