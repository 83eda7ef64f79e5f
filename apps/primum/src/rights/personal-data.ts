import { devicePersonalData, messagePersonalData, qualityPersonalData, outgoingPersonalData } from '@primum/ingest';
import { recordPersonalData } from '@primum/record';
import { servingPersonalData } from '@primum/serving';
import { trustPersonalData, type PersonalData } from '@primum/trust';
import { bulkPersonalData } from '../bulk/personal-data.ts';
import { staffPersonalData } from '../identity/staff-personal-data.ts';
import { viewsPersonalData } from '../views/personal-data.ts';

/**
 * Everything that is kept of a patient, in the order in which it is removed: predictions under their lock, messages while
 * the record still says whose they are, what trust remembers and who of the staff it is, then the record.
 */
export const personalData: readonly PersonalData[] = [servingPersonalData, viewsPersonalData, bulkPersonalData, outgoingPersonalData, qualityPersonalData, messagePersonalData, devicePersonalData, trustPersonalData, staffPersonalData, recordPersonalData];

/** Tables that speak of patients and are kept when one is erased, each with the reason. */
export const keptOfErased: Readonly<Record<string, string>> = {
  audit_event: 'who did what is to be proven for six years; patients stand in it as pseudonyms',
  review_item: 'what the privacy office found about the conduct of staff; the patient stands in it as a pseudonym',
  relationship_check: 'a look at the record that staff are still to explain; read from the audit log, a pseudonym for a few days',
  erasure: 'the erasure itself',
  erased_patient: 'keeps the person from coming back with a restored database',
  erased_record: 'answers 410 for what was there',
};
