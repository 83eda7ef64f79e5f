import type { Random } from './random.ts';

/**
 * Why a simulated patient is in the unit. Sepsis is about 7 % of stays; the others are what it is mistaken for.
 * A course moves between 0 (well) and 1 (gravely ill) along each axis; vitals and laboratory values are drawn from it.
 */
export type CourseKind = 'observation' | 'post-operative' | 'haemorrhage' | 'respiratory' | 'pancreatitis' | 'comfort-care' | 'sepsis';

export type Course = {
  kind: CourseKind;
  /** Length of the stay in hours. */
  hours: number;
  /** Sepsis and haemorrhage: hour of onset, with a ramp before it. Pancreatitis: hour at which it is worst. */
  onsetHour: number | undefined;
  /** How far an inflammation goes, 0 to 1; some septic patients show little. */
  severity: number;
};

/** How ill a patient is at an hour of the stay, each axis 0 to 1. */
export type Illness = { inflammation: number; shock: number; respiratory: number; bleeding: number; pain: number };

export function drawCourse(random: Random, forced?: { kind: CourseKind; onsetHour?: number; hours?: number; severity?: number }): Course {
  const kind = forced?.kind ?? drawKind(random);
  // Most sepsis that begins in an ICU does so after two days or later (ventilator, lines).
  const hours = forced?.hours ?? Math.round(kind === 'sepsis' || kind === 'pancreatitis' ? random.between(72, 130) : random.between(30, 110));
  const onsetHour = kind === 'sepsis' || kind === 'haemorrhage' || kind === 'pancreatitis'
    ? forced?.onsetHour ?? Math.round(random.between(kind !== 'haemorrhage' && random.chance(0.75) ? 44 : 14, hours - 12))
    : undefined;
  const severity = forced?.severity ?? (kind === 'pancreatitis' ? random.between(0.1, 0.7) : random.between(0.35, 1));
  return { kind, hours, onsetHour, severity };
}

function drawKind(random: Random): CourseKind {
  const at = random.uniform();
  if (at < 0.07) return 'sepsis';
  if (at < 0.14) return 'haemorrhage';
  if (at < 0.34) return 'respiratory';
  if (at < 0.62) return 'post-operative';
  if (at < 0.65) return 'comfort-care';
  if (at < 0.69) return 'pancreatitis';
  return 'observation';
}

/** A smooth ramp from 0 at `from` to 1 at `to`. */
function ramp(hour: number, from: number, to: number): number {
  const part = Math.min(1, Math.max(0, (hour - from) / (to - from)));
  return part * part * (3 - 2 * part);
}

export function illnessAt(course: Course, hour: number): Illness {
  const illness: Illness = { inflammation: 0, shock: 0, respiratory: 0, bleeding: 0, pain: 0.1 };
  const onset = course.onsetHour ?? 0;
  switch (course.kind) {
    case 'sepsis':
      illness.inflammation = course.severity * ramp(hour, onset - 16, onset - 1) * (1 - 0.8 * ramp(hour, onset + 14, onset + 48));
      illness.shock = course.severity * ramp(hour, onset - 8, onset + 1) * (1 - 0.9 * ramp(hour, onset + 10, onset + 30));
      illness.respiratory = Math.min(1, 0.25 + 0.6 * illness.inflammation);
      break;
    case 'pancreatitis': {
      // Sterile inflammation: fever, a fast heart, wet lungs, and no infection. What a sepsis score is most often wrong about.
      const flare = course.severity * ramp(hour, onset - 14, onset) * (1 - 0.7 * ramp(hour, onset + 8, onset + 36));
      illness.inflammation = flare;
      illness.respiratory = 0.2 + 0.4 * flare;
      illness.shock = 0.2 * flare;
      illness.pain = 0.5;
      break;
    }
    case 'haemorrhage':
      illness.bleeding = ramp(hour, onset - 2, onset + 1) * (1 - ramp(hour, onset + 3, onset + 12));
      illness.shock = 0.7 * illness.bleeding;
      break;
    case 'respiratory':
      illness.respiratory = 0.7 - 0.5 * ramp(hour, 10, course.hours);
      break;
    case 'post-operative':
      illness.pain = 0.8 * (1 - ramp(hour, 4, 24));
      illness.inflammation = 0.25 * (1 - ramp(hour, 6, 30));
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
