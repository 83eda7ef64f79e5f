import { personalTables, type PersonalData } from '@primum/trust';

/** What kept views hold of a patient. */
export const viewsPersonalData: PersonalData = personalTables('views', [{ table: 'kept_view_rows' }]);
