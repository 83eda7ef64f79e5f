import type { Random } from './random.ts';

/**
 * Why a simulated patient is in the unit. Sepsis is about 7 % of stays; the others are what it is mistaken for.
 * A course moves between 0 (well) and 1 (gravely ill) along each axis; vitals and laboratory values are drawn from it.
 */
export type CourseKind = 'observation' | 'post-operative' | 'haemorrhage' | 'respiratory' | 'comfort-care' | 'sepsis';

export type Course = {
  kind: CourseKind;
  /** Length of the stay in hours. */
  hours: number;
  /** Sepsis or haemorrhage: hour of onset, with a ramp before it. */
  onsetHour: number | undefined;
};

/** How ill a patient is at an hour of the stay, each axis 0 to 1. */
export type Illness = { infection: number; shock: number; respiratory: number; bleeding: number; pain: number };

export function drawCourse(random: Random, forced?: { kind: CourseKind; onsetHour?: number; hours?: number }): Course {
  const kind = forced?.kind ?? drawKind(random);
  const hours = forced?.hours ?? Math.round(random.between(30, 110));
  const onsetHour = kind === 'sepsis' || kind === 'haemorrhage'
    ? forced?.onsetHour ?? Math.round(random.between(14, hours - 10))
    : undefined;
  return { kind, hours, onsetHour };
}

function drawKind(random: Random): CourseKind {
  const at = random.uniform();
  if (at < 0.07) return 'sepsis';
  if (at < 0.14) return 'haemorrhage';
  if (at < 0.34) return 'respiratory';
  if (at < 0.62) return 'post-operative';
  if (at < 0.65) return 'comfort-care';
  return 'observation';
}

/** A smooth ramp from 0 at `from` to 1 at `to`. */
function ramp(hour: number, from: number, to: number): number {
  const part = Math.min(1, Math.max(0, (hour - from) / (to - from)));
  return part * part * (3 - 2 * part);
}

export function illnessAt(course: Course, hour: number): Illness {
  const illness: Illness = { infection: 0, shock: 0, respiratory: 0, bleeding: 0, pain: 0.1 };
  const onset = course.onsetHour ?? 0;
  switch (course.kind) {
    case 'sepsis':
      illness.infection = ramp(hour, onset - 12, onset + 2) * (1 - 0.8 * ramp(hour, onset + 14, onset + 48));
      illness.shock = ramp(hour, onset - 5, onset + 4) * (1 - 0.9 * ramp(hour, onset + 10, onset + 30));
      illness.respiratory = 0.7 * illness.infection;
      break;
    case 'haemorrhage':
      illness.bleeding = ramp(hour, onset - 2, onset + 1) * (1 - ramp(hour, onset + 3, onset + 12));
      illness.shock = 0.7 * illness.bleeding;
      break;
    case 'respiratory':
      illness.respiratory = 0.7 - 0.5 * ramp(hour, 10, course.hours);
      break;
    case 'post-operative':
      illness.pain = 0.8 * (1 - ramp(hour, 4, 24));
      illness.infection = 0.25 * (1 - ramp(hour, 6, 30));
      break;
    case 'comfort-care':
      illness.respiratory = 0.4;
      illness.shock = 0.3 * ramp(hour, 12, course.hours);
      break;
    case 'observation':
      break;
  }
  return illness;
}
