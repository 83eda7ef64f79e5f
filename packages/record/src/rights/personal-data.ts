import { personalTables, type PersonalData } from '@primum/trust';

/** What the record keeps of a patient, in the order that the references between the tables ask for. */
export const recordPersonalData: PersonalData = personalTables('record', [
  { table: 'subscription_event' },
  { table: 'subscription' },
  { table: 'rights_case' },
  { table: 'consent' },
  { table: 'fact' },
  { table: 'content' },
  { table: 'resource_search' },
  { table: 'resource' },
  { table: 'stay_event', of: 'stay_id in (select id from stay where tenant = $1 and patient_id = any($2::uuid[]))' },
  { table: 'stay' },
  { table: 'patient_identifier' },
  { table: 'patient_link', of: '(from_id = any($2::uuid[]) or into_id = any($2::uuid[]))' },
  { table: 'patient', of: 'id = any($2::uuid[])' },
]);
