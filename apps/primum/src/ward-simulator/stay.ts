import { drawCourse, illnessAt, type Course, type CourseKind, type Illness } from './course.ts';
import { adtMessage, resultMessage, wardSenders, type WardMessage } from './messages.ts';
import { drawPatient, type WardPatient } from './patient.ts';
import { artefact, laboratoryPanel, vitalSigns, type Panel, type Sent } from './physiology.ts';
import { createRandom, type Random } from './random.ts';

const hourMs = 3_600_000;
const minuteMs = 60_000;

export type StayPlan = {
  seed: number;
  bed: number;
  /** Which stay of this bed, counted from 0. */
  turn: number;
  admittedAt: number;
  forced?: { kind?: CourseKind; onsetHour?: number; hours?: number; severity?: number; ageYears?: number };
};

export type SimulatedStay = { course: Course; patient: WardPatient; endsAt: number; messages: WardMessage[] };

const batteries: Record<Panel, readonly [string, string]> = {
  chemistry: ['CHEM8', 'Chemistry panel'], 'blood-count': ['CBC', 'Complete blood count'], 'blood-gas': ['ABG', 'Arterial blood gas'], liver: ['LFT', 'Liver and coagulation'],
};

/** Who comes and why, before any message is made. */
export function planStay(plan: StayPlan): { random: Random; patient: WardPatient; course: Course } {
  const random = createRandom(plan.seed, plan.bed, plan.turn);
  const patient = drawPatient(random, plan.bed * 1_000 + plan.turn, plan.admittedAt, plan.forced);
  const { kind: forcedKind, ...forced } = plan.forced ?? {};
  return { random, patient, course: drawCourse(random, forcedKind === undefined ? undefined : { ...forced, kind: forcedKind }) };
}

/**
 * One stay from admission to discharge as the messages that its ward sends, in order of sending. A pure function of
 * the plan: a ward that was stopped goes on where it was, and what it sends twice is the same to the byte.
 */
export function simulateStay(plan: StayPlan): SimulatedStay {
  const { random, patient, course } = planStay(plan);
  const endsAt = plan.admittedAt + course.hours * hourMs;
  const location = ['ICU', 'ICU', String(plan.bed).padStart(2, '0')] as const;
  const id = `${patient.visit}-`;
  const messages: WardMessage[] = [];

  messages.push(adtMessage(patient, { trigger: 'A01', at: plan.admittedAt, sentAt: plan.admittedAt, controlId: `${id}A01-${plan.admittedAt / minuteMs}`, location, admittedAt: plan.admittedAt }));
  if (course.kind === 'comfort-care') pushComfortCare(messages, patient, plan.admittedAt, plan.admittedAt + 10 * hourMs, location, id);
  for (let at = plan.admittedAt + 15 * minuteMs, n = 0; at < endsAt; at += 15 * minuteMs, n += 1) {
    pushVitals(messages, random, patient, illnessAt(course, (at - plan.admittedAt) / hourMs), { at, n, location, id, admittedAt: plan.admittedAt });
  }
  pushLaboratory(messages, random, patient, (hour) => illnessAt(course, hour), { hours: course.hours, location, id, admittedAt: plan.admittedAt });
  messages.sort((a, b) => a.sentAt - b.sentAt || (a.controlId < b.controlId ? -1 : 1));
  const sent = messages.filter((message) => message.sentAt < endsAt);
  sent.push(adtMessage(patient, {
    trigger: 'A03', at: endsAt, sentAt: endsAt, controlId: `${id}A03-${endsAt / minuteMs}`, location, admittedAt: plan.admittedAt,
    ended: { at: endsAt, disposition: course.kind === 'comfort-care' ? '20' : '01' },
  }));
  return { course, patient, endsAt, messages: sent };
}

type Where = { location: readonly [string, string, string]; id: string; admittedAt: number };

function pushVitals(messages: WardMessage[], random: Random, patient: WardPatient, illness: Illness, at: Where & { at: number; n: number }): void {
  let values = vitalSigns(random, patient, illness, at.n % 4 === 3);
  if (random.chance(0.004)) values = artefact(random, values);
  // Ectopic beats have no LOINC code in the mapping: kept, counted and shown, never dropped.
  if (random.chance(0.02)) values.push({ code: 'PVC', name: 'Ventricular ectopics', text: String(Math.round(random.between(1, 14))), unit: 'bpm' });
  if (random.chance(0.01)) return; // The cable was off: a gap.
  const controlId = `${at.id}M${at.n}`;
  messages.push(resultMessage(patient, {
    sender: wardSenders.monitors, order: controlId, battery: ['VITALS', 'Vital signs'], at: at.at,
    sentAt: at.at + Math.round(random.between(2, 20)) * 1000, controlId, location: at.location, admittedAt: at.admittedAt, values, status: 'F',
  }));
}

function pushLaboratory(messages: WardMessage[], random: Random, patient: WardPatient, illness: (hour: number) => Illness, stay: Where & { hours: number }): void {
  const draw = (panel: Panel, hour: number): void => {
    const at = stay.admittedAt + Math.round(hour * 60) * minuteMs;
    const controlId = `${stay.id}L${panel}-${at / minuteMs}`;
    const sentAt = at + Math.round(panel === 'blood-gas' ? random.between(3, 10) : random.between(35, 95)) * minuteMs;
    const values = laboratoryPanel(random, patient, illness(hour), panel);
    const event = { sender: wardSenders.laboratory, order: controlId, battery: batteries[panel], at, location: stay.location, admittedAt: stay.admittedAt };
    messages.push(resultMessage(patient, { ...event, sentAt, controlId, values, status: 'F' }));
    if (panel === 'chemistry' && random.chance(0.04)) {
      // A haemolysed specimen: potassium is corrected later.
      const corrected: Sent[] = [{ ...values[0]!, text: (Number(values[0]!.text) - 0.6).toFixed(1) }];
      messages.push(resultMessage(patient, { ...event, sentAt: sentAt + Math.round(random.between(20, 70)) * minuteMs, controlId: `${controlId}-C`, values: corrected, status: 'C' }));
    }
  };
  // Whoever looks ill is drawn more often: the staff's suspicion is part of what a model sees.
  const worry = (hour: number): number => {
    const { inflammation, shock, respiratory, bleeding } = illness(hour);
    return Math.max(inflammation, shock, 0.6 * respiratory, 0.8 * bleeding);
  };
  const every = (panel: Panel, from: number, calm: readonly [number, number], worried: readonly [number, number]): void => {
    for (let hour = from; hour < stay.hours;) {
      draw(panel, hour);
      const [low, high] = worry(hour) > 0.35 ? worried : calm;
      hour += random.between(low, high);
    }
  };
  every('chemistry', 0.7, [7, 10], [4, 6]);
  every('blood-count', 0.8, [11, 13], [6, 9]);
  every('liver', 1, [23, 25], [10, 14]);
  every('blood-gas', 1.2, [9, 14], [1.5, 3]);
}

function pushComfortCare(messages: WardMessage[], patient: WardPatient, admittedAt: number, at: number, location: readonly [string, string, string], id: string): void {
  const controlId = `${id}GOAL`;
  messages.push(resultMessage(patient, {
    sender: wardSenders.adt, order: controlId, battery: ['GOALS', 'Goals of care'], at, sentAt: at, controlId, location, admittedAt, status: 'F',
    values: [{ code: 'COMFORT', name: 'Comfort care', text: '1', unit: '' }],
  }));
}
