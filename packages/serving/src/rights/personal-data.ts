import { personalTables, type PersonalData } from '@primum/trust';

/**
 * Predictions and alerts of a patient. `stay_risk` goes first: whoever scores the stay or acts on its alert holds its
 * row's lock, and what they write is there to be removed once it is given up.
 */
export const servingPersonalData: PersonalData = personalTables('serving', [
  { table: 'stay_risk' },
  { table: 'notice' },
  { table: 'alert_event', of: 'alert_id in (select id from alert where tenant = $1 and patient_id = any($2::uuid[]))' },
  { table: 'alert' },
  { table: 'prediction' },
]);
