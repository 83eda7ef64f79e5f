import type { GroupRow, Role, UserRow } from '@primum/contract';
import type { Sql } from '@primum/store';

const maxRows = 5_000;

type Row = {
  id: string; username: string; display_name: string; role: Role; groups: string[]; units: string[]; disabled: boolean; locked_until: Date | null;
  must_change_password: boolean; external: boolean; totp: boolean; passkeys: number; sessions: number; last_seen_at: Date | null; own_record: boolean;
};

const select = (where: string): string => `
  select u.id, u.username, u.display_name, u.role, u.disabled, u.must_change_password, u.password_hash is null as external,
    case when u.locked_until > $2 then u.locked_until end as locked_until,
    coalesce((select array_agg(g.group_name order by g.group_name) from user_group g where g.tenant = u.tenant and g.user_id = u.id), '{}') as groups,
    coalesce((select array_agg(a.unit order by a.unit) from care_assignment a where a.tenant = u.tenant and a.subject = 'user:' || u.id), '{}') as units,
    exists (select 1 from totp_factor f where f.tenant = u.tenant and f.user_id = u.id and f.confirmed_at is not null) as totp,
    (select count(*)::int from passkey p where p.tenant = u.tenant and p.user_id = u.id) as passkeys,
    s.sessions, s.last_seen_at,
    exists (select 1 from staff_patient r where r.tenant = u.tenant and r.user_id = u.id) as own_record
  from app_user u
  cross join lateral (select count(*) filter (where x.expires_at > $2)::int as sessions, max(x.last_seen_at) as last_seen_at from session x where x.tenant = u.tenant and x.user_id = u.id) s
  where u.tenant = $1 ${where} order by u.username limit ${maxRows}`;

export async function readUsers(sql: Sql, tenant: number, now: Date): Promise<UserRow[]> {
  return (await sql.query<Row>(select(''), [tenant, now])).map(rowOf);
}

export async function readUser(sql: Sql, tenant: number, id: string, now: Date): Promise<UserRow | undefined> {
  return (await sql.query<Row>(select('and u.id = $3'), [tenant, now, id])).map(rowOf)[0];
}

function rowOf(row: Row): UserRow {
  return {
    id: row.id, username: row.username, displayName: row.display_name, role: row.role, groups: row.groups, units: row.units, disabled: row.disabled,
    lockedUntil: row.locked_until?.toISOString() ?? null, mustChangePassword: row.must_change_password, external: row.external, totp: row.totp, passkeys: row.passkeys,
    sessions: row.sessions, lastSeenAt: row.last_seen_at?.toISOString() ?? null, ownRecord: row.own_record,
  };
}

/** Groups that somebody is in or that have units. */
export async function readGroups(sql: Sql, tenant: number): Promise<GroupRow[]> {
  return sql.query<GroupRow>(
    `select n.name, coalesce((select array_agg(a.unit order by a.unit) from care_assignment a where a.tenant = $1 and a.subject = 'group:' || n.name), '{}') as units,
       (select count(*)::int from user_group g where g.tenant = $1 and g.group_name = n.name) as members
     from (select group_name as name from user_group where tenant = $1
           union select substr(subject, 7) from care_assignment where tenant = $1 and subject like 'group:%') n
     order by n.name limit ${maxRows}`,
    [tenant],
  );
}

export async function setGroups(tx: Sql, tenant: number, userId: string, groups: readonly string[]): Promise<void> {
  await tx.query('delete from user_group where tenant = $1 and user_id = $2', [tenant, userId]);
  await tx.query('insert into user_group (tenant, user_id, group_name) select $1, $2, unnest($3::text[])', [tenant, userId, [...new Set(groups)]]);
}

/** The units of a subject (`user:ID`, `group:NAME`); gives those it had. */
export async function setUnits(tx: Sql, tenant: number, subject: string, units: readonly string[]): Promise<string[]> {
  const before = await tx.query<{ unit: string }>('delete from care_assignment where tenant = $1 and subject = $2 returning unit', [tenant, subject]);
  await tx.query('insert into care_assignment (tenant, subject, unit) select $1, $2, unnest($3::text[])', [tenant, subject, [...new Set(units)]]);
  return before.map(({ unit }) => unit);
}
