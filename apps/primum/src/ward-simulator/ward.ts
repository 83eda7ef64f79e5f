import { simulateStay, type StayPlan } from './stay.ts';
import type { WardMessage } from './messages.ts';

const hourMs = 3_600_000;
const beds = 24;

/** The first patient of some beds is chosen, with the hours of the stay that lie before the epoch, so that the first hour shows what the ward is for. */
const firstPatients: Readonly<Record<number, { hoursBefore: number; forced: NonNullable<StayPlan['forced']> }>> = {
  3: { hoursBefore: 54, forced: { kind: 'sepsis', onsetHour: 62, hours: 110, severity: 1 } },
  7: { hoursBefore: 54, forced: { kind: 'sepsis', onsetHour: 51, hours: 96, severity: 0.9 } },
  10: { hoursBefore: 22, forced: { kind: 'haemorrhage', onsetHour: 27, hours: 60 } },
  12: { hoursBefore: 22, forced: { kind: 'comfort-care', hours: 70 } },
  15: { hoursBefore: 22, forced: { kind: 'observation', ageYears: 17, hours: 60 } },
  18: { hoursBefore: 46, forced: { kind: 'pancreatitis', onsetHour: 60, hours: 100, severity: 0.6 } },
  19: { hoursBefore: 22, forced: { kind: 'post-operative', hours: 64 } },
  21: { hoursBefore: 40, forced: { kind: 'sepsis', onsetHour: 64, hours: 104, severity: 0.8 } },
};

/** What a bed's turn begins with: the first patients were admitted in the two days before the ward's epoch. */
function planOf(seed: number, epoch: number, bed: number, turn: number, previousEnd: number | undefined): StayPlan {
  const first = turn === 0 ? firstPatients[bed] : undefined;
  const admittedAt = previousEnd === undefined
    ? epoch - (first?.hoursBefore ?? 3 + ((bed * 7) % 20)) * hourMs
    : previousEnd + (1 + ((bed + turn) % 4)) * hourMs;
  return { seed, bed, turn, admittedAt, ...(first === undefined ? {} : { forced: first.forced }) };
}

/** Who lies in the beds when the ward goes live. */
export function firstPlans(seed: number, epoch: number): StayPlan[] {
  return Array.from({ length: beds }, (_, index) => planOf(seed, epoch, index + 1, 0, undefined));
}

/**
 * Every message of the ward in order of sending, without end: a pure function of seed and epoch (ms, the instant at
 * which the ward goes live; the two days before it are history). Holds one stay per bed in memory.
 */
export function* wardMessages(seed: number, epoch: number): Generator<WardMessage, never> {
  const bedsNow = firstPlans(seed, epoch).map((plan) => ({ plan, stay: simulateStay(plan), next: 0 }));
  for (;;) {
    let earliest = bedsNow[0]!;
    for (const bed of bedsNow) if (bed.stay.messages[bed.next]!.sentAt < earliest.stay.messages[earliest.next]!.sentAt) earliest = bed;
    yield earliest.stay.messages[earliest.next]!;
    earliest.next += 1;
    if (earliest.next === earliest.stay.messages.length) {
      earliest.plan = planOf(seed, epoch, earliest.plan.bed, earliest.plan.turn + 1, earliest.stay.endsAt);
      earliest.stay = simulateStay(earliest.plan);
      earliest.next = 0;
    }
  }
}
