import { buildMessage, formatTs, type SegmentInput } from '@primum/formats';

/** A sender and a site of their own, in the mapping table of the simulated ward. */
export const benchSource = { application: 'BENCH', facility: 'BENCH', siteCode: 'bench', siteName: 'Bench ICU', mapping: 'ward-simulator' } as const;

export type BenchPatient = { mrn: string; visit: string; bed: string; admittedAt: number };
export type BenchValue = { code: string; unit: string; value: number; digits?: number };

const ts = (at: number): string => formatTs(new Date(at), { offsetMinutes: 0 });

const header = (type: readonly [string, string, string], controlId: string, sentAt: number): SegmentInput =>
  ['MSH', [benchSource.application], [benchSource.facility], ['PRIMUM'], ['PRIMUM'], ts(sentAt), '', type, controlId, 'P', '2.5.1', '', '', '', '', '', 'UNICODE UTF-8'];

const pid = ({ mrn, bed }: BenchPatient): SegmentInput => ['PID', '1', '', [mrn, '', '', benchSource.facility, 'MR'], '', ['Bench', bed], '', '19600101', 'F'];

function pv1({ visit, bed, admittedAt }: BenchPatient, endedAt?: number): SegmentInput {
  const fields: (string | readonly string[])[] = Array.from({ length: 45 }, () => '');
  fields[0] = '1';
  fields[1] = 'I';
  fields[2] = ['ICU', 'ICU', bed];
  fields[18] = [visit, '', '', benchSource.facility, 'VN'];
  fields[43] = ts(admittedAt);
  fields[44] = endedAt === undefined ? '' : ts(endedAt);
  return ['PV1', ...fields];
}

export function admission(patient: BenchPatient, controlId: string): string {
  const at = patient.admittedAt;
  return buildMessage([header(['ADT', 'A01', 'ADT_A01'], controlId, at), ['EVN', 'A01', ts(at), '', '', '', ts(at)], pid(patient), pv1(patient)]);
}

export function discharge(patient: BenchPatient, controlId: string, at: number): string {
  return buildMessage([header(['ADT', 'A03', 'ADT_A03'], controlId, at), ['EVN', 'A03', ts(at), '', '', '', ts(at)], pid(patient), pv1(patient, at)]);
}

/** `order` names what is observed: the same one with status C, D or W is about the same results. */
export function results(
  patient: BenchPatient, controlId: string,
  { order, at, sentAt, values, status = 'F' }: { order: string; at: number; sentAt: number; values: readonly BenchValue[]; status?: 'F' | 'P' | 'C' | 'D' | 'W' },
): string {
  return buildMessage([
    header(['ORU', 'R01', 'ORU_R01'], controlId, sentAt), pid(patient), pv1(patient),
    ['OBR', '1', order, order, ['SET', 'Results', 'L'], '', '', ts(at)],
    ...values.map(({ code, unit, value, digits = 0 }, index): SegmentInput => ['OBX', String(index + 1), 'NM', [code, code, 'L'], '', value.toFixed(digits), unit, '', '', '', '', status, '', '', ts(at)]),
  ]);
}

/** A40: `prior` is one with `survivor` from now on. */
export function merge(survivor: BenchPatient, prior: BenchPatient, controlId: string, at: number): string {
  return buildMessage([
    header(['ADT', 'A40', 'ADT_A39'], controlId, at), ['EVN', 'A40', ts(at), '', '', '', ts(at)], pid(survivor),
    ['MRG', [prior.mrn, '', '', benchSource.facility, 'MR']],
  ]);
}

/** A37: the two are parted again. */
export function unlink(first: BenchPatient, second: BenchPatient, controlId: string, at: number): string {
  return buildMessage([header(['ADT', 'A37', 'ADT_A37'], controlId, at), ['EVN', 'A37', ts(at), '', '', '', ts(at)], pid(first), pid(second)]);
}

/** Mulberry32: a bench is the same on each run. */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Eight vital signs of one reading. */
export function vitalSigns(random: () => number): BenchValue[] {
  const around = (middle: number, spread: number): number => middle + (random() - 0.5) * 2 * spread;
  return [
    { code: 'HR', unit: 'bpm', value: around(95, 45) }, { code: 'RR', unit: 'rpm', value: around(19, 8) }, { code: 'SPO2', unit: '%', value: around(95, 4) },
    { code: 'ABPS', unit: 'mmHg', value: around(115, 35) }, { code: 'ABPD', unit: 'mmHg', value: around(62, 15) }, { code: 'ABPM', unit: 'mmHg', value: around(78, 24) },
    { code: 'TEMP', unit: 'C', value: around(37.3, 1.4), digits: 1 }, { code: 'FIO2', unit: '', value: around(0.4, 0.15), digits: 2 },
  ];
}

export function bloodResults(random: () => number): BenchValue[] {
  const around = (middle: number, spread: number): number => middle + (random() - 0.5) * 2 * spread;
  return [
    { code: 'LAC', unit: 'mmol/L', value: around(2, 1.4), digits: 1 }, { code: 'WBC', unit: 'K/uL', value: around(12, 7), digits: 1 },
    { code: 'CREA', unit: 'mg/dL', value: around(1.3, 0.8), digits: 2 }, { code: 'BUN', unit: 'mg/dL', value: around(24, 14) },
    { code: 'PLT', unit: 'K/uL', value: around(210, 110) }, { code: 'GLU', unit: 'mg/dL', value: around(140, 50) },
  ];
}
