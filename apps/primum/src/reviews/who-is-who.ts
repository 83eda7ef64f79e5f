import { households, patientGroups } from '@primum/record';
import type { CareUnits, SnoopingDeps, StaffLinks } from '@primum/trust';

/** Staff who are patients here: the token of their number leads to the patient, as that of a message does. */
const staffLinks: StaffLinks = async (sql, tenant, { userIds, patientIds }) => {
  const rows = await sql.query<{ user_id: string; patient_id: string }>(
    `select s.user_id, i.patient_id from staff_patient s join patient_identifier i on i.tenant = s.tenant and i.token = s.identifier_token
     where s.tenant = $1 and s.user_id = any($2::uuid[])
     union
     select s.user_id, i.patient_id from patient_identifier i join staff_patient s on s.tenant = i.tenant and s.identifier_token = i.token
     where i.tenant = $1 and i.patient_id = any($3::uuid[])`,
    [tenant, userIds, patientIds],
  );
  return rows.map(({ user_id, patient_id }) => ({ userId: user_id, patientId: patient_id }));
};

const careUnits: CareUnits = async (sql, tenant, userIds) => {
  const rows = await sql.query<{ user_id: string; units: string[] }>(
    `select u.user_id, array_agg(distinct a.unit) as units from (
       select id as user_id, 'user:' || id as subject from unnest($2::uuid[]) k(id)
       union all
       select user_id, 'group:' || group_name from user_group where tenant = $1 and user_id = any($2::uuid[])
     ) u join care_assignment a on a.tenant = $1 and a.subject = u.subject group by u.user_id`,
    [tenant, userIds],
  );
  return new Map(rows.map(({ user_id, units }) => [user_id, units]));
};

/** What the snooping detector is told about people and patients. */
export const whoIsWho: Pick<SnoopingDeps, 'groups' | 'staffLinks' | 'careUnits' | 'households'> = { groups: patientGroups, staffLinks, careUnits, households };
