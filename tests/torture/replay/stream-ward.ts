import {
  admission, bloodResults, discharge, merge, randomOf, results, unlink, vitalSigns, type BenchPatient, type BenchValue,
} from '../../../bench/support/ward-messages.ts';

const hourMs = 3_600_000;
const halfHourMs = hourMs / 2;
const daysMs = 60 * hourMs;
export const wardStart = Date.UTC(2026, 4, 1);

type Sent = { patient: BenchPatient; order: string; at: number; values: BenchValue[] };

/**
 * A ward whose record is never quiet: readings and results, some of them late by hours, some corrected, deleted or of
 * the wrong patient, patients merged and parted again. Every fourth patient has been here for days and is ill. Batches of messages, half an hour of source time each.
 */
export function createWardStream(patientCount: number, seed: number) {
  const random = randomOf(seed);
  const patients = Array.from({ length: patientCount }, (_, index): BenchPatient => (
    { mrn: `T${index}`, visit: `TV${index}`, bed: `T${index}`, admittedAt: (index % 4 === 0 ? wardStart - daysMs : wardStart) + Math.floor(random() * 60) * 60_000 }));
  const illnessOf = (patient: BenchPatient): number => (patient.admittedAt < wardStart ? 0.7 + 0.3 * random() : 0.3 * random());
  const merged = new Map<BenchPatient, BenchPatient>();
  let sent: Sent[] = [];
  let count = 0;
  const id = (): string => `T${(count += 1)}`;
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;

  const send = (patient: BenchPatient, at: number, sentAt: number, values: BenchValue[]): string => {
    const order = `O${count}`;
    sent.push({ patient, order, at, values });
    if (sent.length > 400) sent = sent.slice(-300);
    return results(patient, id(), { order, at, sentAt, values });
  };

  const correct = (sentAt: number): string | null => {
    const earlier = pick(sent);
    if (earlier === undefined) return null;
    sent = sent.filter((item) => item !== earlier); // a retracted result can't be corrected again
    const status = pick(['C', 'C', 'D', 'W'] as const);
    const values = status === 'C' ? earlier.values.map((value) => ({ ...value, value: value.value * (0.8 + 0.4 * random()) })) : earlier.values;
    return results(earlier.patient, id(), { order: earlier.order, at: earlier.at, sentAt, values, status });
  };

  return {
    patients,
    /** In the order in which they happened. */
    admissions: (): string[] => patients.toSorted((a, b) => a.admittedAt - b.admittedAt).map((patient) => admission(patient, id())),
    /** What is sent in the half hour that ends at `sentAt`. */
    step(sentAt: number): string[] {
      const messages: string[] = [];
      for (const patient of patients) {
        if (sentAt < patient.admittedAt + halfHourMs || random() < 0.08) continue;
        messages.push(send(patient, sentAt - Math.floor(random() * 20) * 60_000, sentAt, vitalSigns(random, illnessOf(patient))));
        if (random() < 0.15) messages.push(send(patient, sentAt - Math.floor(random() * 300) * 60_000, sentAt, bloodResults(random, illnessOf(patient)))); // late by up to 5 h
      }
      for (let n = 0; n < patientCount / 12; n += 1) {
        const correction = correct(sentAt);
        if (correction !== null) messages.push(correction);
      }
      return messages;
    },
    /** Every tenth patient goes home; the readings that follow are of nobody in the ICU. */
    discharges: (at: number): string[] => patients.filter((_, index) => index % 10 === 4).map((patient) => discharge(patient, id(), at)),
    /** Joins two that were never joined, or parts two that are. */
    joinOrPart(sentAt: number): string[] {
      const [joined] = merged;
      if (joined !== undefined && random() < 0.5) {
        merged.delete(joined[0]);
        return [unlink(joined[1], joined[0], id(), sentAt)];
      }
      const free = patients.filter((patient) => !merged.has(patient) && ![...merged.values()].includes(patient));
      const [prior, survivor] = [pick(free), pick(free)];
      if (prior === undefined || survivor === undefined || prior === survivor) return [];
      merged.set(prior, survivor);
      return [merge(survivor, prior, id(), sentAt)];
    },
  };
}
