import type { Role } from '@primum/contract';
import type { Sql } from '@primum/store';
import { userPrincipal, type UserPrincipal } from '../access/principal.ts';

/** `validFrom`: what was issued to this person before it is void. */
export type Person = { principal: UserPrincipal; displayName: string; validFrom: Date };

type Row = { id: string; username: string; display_name: string; role: Role; groups: string[]; care_units: string[]; valid_from: Date };

/** A member of staff as they stand now; null where there is none or they are disabled. */
export async function findPerson(sql: Sql, tenant: number, userId: string): Promise<Person | null> {
  const [row] = await sql.query<Row>(
    `select u.id, u.username, u.display_name, u.role, greatest(u.valid_from, 'epoch'::timestamptz) as valid_from,
       array(select g.group_name from user_group g where g.tenant = u.tenant and g.user_id = u.id order by 1) as groups,
       array(select distinct a.unit from care_assignment a where a.tenant = u.tenant and (a.subject = 'user:' || u.id
         or a.subject in (select 'group:' || g.group_name from user_group g where g.tenant = u.tenant and g.user_id = u.id)) order by 1) as care_units
     from app_user u where u.tenant = $1 and u.id = $2 and not u.disabled`, [tenant, userId]);
  if (row === undefined) return null;
  const { id, username, display_name: displayName, role, groups, care_units: careUnits, valid_from: validFrom } = row;
  return { principal: userPrincipal({ userId: id, username, role, groups, careUnits }), displayName, validFrom };
}
