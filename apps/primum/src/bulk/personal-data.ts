import { personalTables, type PersonalData } from '@primum/trust';

/** Jobs of apps whose token was for this patient alone. */
export const bulkPersonalData: PersonalData = personalTables('bulk', [{ table: 'bulk_job' }]);
