import { admission, bloodResults, results, vitalSigns, type BenchPatient } from '../../bench/support/ward-messages.ts';

const hour = 3_600_000;
export const admittedAt = Date.UTC(2026, 4, 30, 8);
/** When the last reading of `illPatient` was sent, by the source's clock. */
export const lastSentAt = admittedAt + 59.6 * hour;

/** The order whose results are the last readings. */
export const lastOrder = (patient: BenchPatient): string => `${patient.mrn}-59`;
export const lastReadings = { order: lastOrder, at: admittedAt + 59.5 * hour, values: vitalSigns(() => 0.5, 1) } as const;

/** A patient in the third day in the ICU, ever closer to septic shock over the last 24 h: the shipped model's score crosses its alert threshold. */
export function illPatient(patient: BenchPatient): string[] {
  const readings = Array.from({ length: 24 }, (_, index) => {
    const at = admittedAt + (36.5 + index) * hour;
    const ill = Math.min(1, index / 10);
    const values = [...vitalSigns(() => 0.5, ill), ...(index % 4 === 0 ? bloodResults(() => 0.5, ill) : [])];
    return results(patient, `${patient.mrn}-R${36 + index}`, { order: `${patient.mrn}-${36 + index}`, at, sentAt: at + 0.1 * hour, values });
  });
  return [admission(patient, `${patient.mrn}-A`), ...readings];
}
