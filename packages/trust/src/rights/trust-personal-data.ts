import { personalTables, type PersonalData } from './personal-data.ts';

/** What trust itself keeps of a patient: holds, emergency accesses, what apps were given for this patient and their households' tokens. */
export const trustPersonalData: PersonalData = personalTables('trust', [
  { table: 'legal_hold' },
  { table: 'emergency_access' },
  { table: 'smart_launch' },
  { table: 'oidc_grant' },
  { table: 'patient_household' },
  { table: 'smart_launch' },
  { table: 'oidc_grant' },
]);
