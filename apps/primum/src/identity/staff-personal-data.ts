import { personalTables } from '@primum/trust';

/** That a member of staff is this patient: known by the number's token, which says whose it is only while the record does. */
export const staffPersonalData = personalTables('identity', [
  { table: 'staff_patient', of: 'identifier_token in (select token from patient_identifier where tenant = $1 and patient_id = any($2::uuid[]))' },
]);
