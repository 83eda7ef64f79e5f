import { admission, bloodResults, results, vitalSigns, type BenchPatient, type BenchValue } from '../../bench/support/ward-messages.ts';

const hour = 3_600_000;
export const admittedAt = Date.UTC(2026, 4, 30, 8);
/** When the last reading of `illPatient` was sent, by the source's clock. */
export const lastSentAt = admittedAt + 59.6 * hour;

type Readings = { order: string; at: number; sentAt: number; values: BenchValue[] };

/** Hourly readings of the third day in the ICU, ever closer to septic shock. */
export function illReadings({ mrn }: BenchPatient): Readings[] {
  return Array.from({ length: 24 }, (_, index) => {
    const at = admittedAt + (36.5 + index) * hour;
    const ill = Math.min(1, index / 10);
    const values = [...vitalSigns(() => 0.5, ill), ...(index % 4 === 0 ? bloodResults(() => 0.5, ill) : [])];
    return { order: `${mrn}-${36 + index}`, at, sentAt: at + 0.1 * hour, values };
  });
}

/** Admission and readings: the shipped model's score crosses its alert threshold. */
export function illPatient(patient: BenchPatient): string[] {
  return [admission(patient, `${patient.mrn}-A`), ...illReadings(patient).map((reading) => results(patient, `R-${reading.order}`, reading))];
}

/** The last readings of `illPatient` once more, as corrected to those of a calm patient (C), deleted (D) or another patient's (W). */
export function withdrawLast(patient: BenchPatient, count: number, status: 'C' | 'D' | 'W'): string[] {
  return illReadings(patient).slice(-count).map((reading, index) => results(patient, `${status}-${reading.order}`, {
    ...reading, status, sentAt: lastSentAt + (index + 1) * 1_000, values: status === 'C' ? calm(reading.values) : reading.values,
  }));
}

function calm(values: readonly BenchValue[]): BenchValue[] {
  const well = new Map([...vitalSigns(() => 0.5, 0), ...bloodResults(() => 0.5, 0)].map((value) => [value.code, value]));
  return values.map((value) => well.get(value.code) ?? value);
}
