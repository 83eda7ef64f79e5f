import { simulateStay, type StayPlan } from './stay.ts';
import type { WardMessage } from './messages.ts';

const hourMs = 3_600_000;
const beds = 24;

/** The first patient of some beds is chosen, so that the first evening shows what the ward is for. */
const firstPatients: Readonly<Record<number, StayPlan['forced']>> = {
  3: { kind: 'sepsis', onsetHour: 30, hours: 72 },
  7: { kind: 'sepsis', onsetHour: 24, hours: 80 },
  10: { kind: 'haemorrhage', onsetHour: 27, hours: 60 },
  12: { kind: 'comfort-care', hours: 70 },
  15: { kind: 'observation', ageYears: 17, hours: 60 },
  19: { kind: 'post-operative', hours: 64 },
  21: { kind: 'sepsis', onsetHour: 40, hours: 90 },
};

/** What a bed's turn begins with: the first patients are spread over the day before the ward's epoch. */
function planOf(seed: number, epoch: number, bed: number, turn: number, previousEnd: number | undefined): StayPlan {
  const forced = turn === 0 ? firstPatients[bed] : undefined;
  const admittedAt = previousEnd === undefined
    ? epoch - (forced === undefined ? 3 + ((bed * 7) % 20) : 22) * hourMs
    : previousEnd + (1 + ((bed + turn) % 4)) * hourMs;
  return { seed, bed, turn, admittedAt, ...(forced === undefined ? {} : { forced }) };
}

/**
 * Every message of the ward in order of sending, without end: a pure function of seed and epoch (ms, the instant at
 * which the ward goes live; the day before it is history). Holds one stay per bed in memory.
 */
export function* wardMessages(seed: number, epoch: number): Generator<WardMessage, never> {
  const bedsNow = Array.from({ length: beds }, (_, index) => {
    const plan = planOf(seed, epoch, index + 1, 0, undefined);
    return { plan, stay: simulateStay(plan), next: 0 };
  });
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
