import { hourMs } from '../timeline/code-series.ts';

export { ageAtAdmission, dateOfBirthFor } from '@primum/record';

/**
 * How a stay of the PhysioNet/CinC Challenge 2019 files (hourly rows, no dates) is laid on a calendar. The direct path
 * (`stayToFacts`) and the replay as HL7 messages share these, so that both give the same facts.
 *
 * - ICU admission is the given instant t0.
 * - The row with ICULOS = h is effective at t0 + (h − ½) h and known at t0 + h h (a row summarises its hour).
 * - Hospital admission is t0 + HospAdmTime h, and t0 where HospAdmTime is positive (nobody is in the ICU before the
 *   hospital; 0.2 % of rows). Age and sex are facts effective at hospital admission.
 * - Age is in years with two decimals between a date of birth (UTC midnight) and hospital admission.
 * - ICU discharge is half an hour after the last row's hour has ended, so that its last hour is still scored.
 */
export const rowEffectiveAt = (icuAdmitAt: number, hour: number): number => icuAdmitAt + (hour - 0.5) * hourMs;

export const rowKnownAt = (icuAdmitAt: number, hour: number): number => icuAdmitAt + hour * hourMs;

export const hospitalAdmitAt = (icuAdmitAt: number, hospAdmHours: number | null): number =>
  icuAdmitAt + Math.min(0, Math.round((hospAdmHours ?? 0) * 3600)) * 1000;

export const icuDischargeAt = (icuAdmitAt: number, lastHour: number): number => icuAdmitAt + (lastHour + 0.5) * hourMs;

/** Hospital A's patients are p0…, hospital B's p1…: the source's name in the code table. */
export const physionetSource = (patientId: string): 'physionet2019-a' | 'physionet2019-b' =>
  patientId.startsWith('p1') ? 'physionet2019-b' : 'physionet2019-a';

/** The measured columns in file order. */
export const physionetColumns = [
  'HR', 'O2Sat', 'Temp', 'SBP', 'MAP', 'DBP', 'Resp', 'EtCO2', 'BaseExcess', 'HCO3', 'FiO2', 'pH', 'PaCO2', 'SaO2', 'AST',
  'BUN', 'Alkalinephos', 'Calcium', 'Chloride', 'Creatinine', 'Bilirubin_direct', 'Glucose', 'Lactate', 'Magnesium',
  'Phosphate', 'Potassium', 'Bilirubin_total', 'TroponinI', 'Hct', 'Hgb', 'PTT', 'WBC', 'Fibrinogen', 'Platelets',
] as const;
