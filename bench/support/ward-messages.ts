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

/** Eight values of one reading; `ill` (0 to 1) moves them from a calm patient towards septic shock. */
export function vitalSigns(random: () => number, ill = random() * 0.4): BenchValue[] {
  const between = (calm: number, severe: number, spread: number): number => calm + (severe - calm) * ill + (random() - 0.5) * 2 * spread;
  return [
    { code: 'HR', unit: 'bpm', value: between(84, 138, 18) }, { code: 'RR', unit: 'rpm', value: between(17, 34, 4) }, { code: 'SPO2', unit: '%', value: between(97, 89, 2) },
    { code: 'ABPS', unit: 'mmHg', value: between(122, 78, 15) }, { code: 'ABPD', unit: 'mmHg', value: between(65, 40, 8) }, { code: 'ABPM', unit: 'mmHg', value: between(84, 50, 9) },
    { code: 'TEMP', unit: 'C', value: between(36.9, 39.6, 0.6), digits: 1 }, { code: 'LAC', unit: 'mmol/L', value: Math.max(0.5, between(1.3, 6.5, 0.6)), digits: 1 },
  ];
}

/** Eight blood results, by illness as above. */
export function bloodResults(random: () => number, ill = random() * 0.4): BenchValue[] {
  const between = (calm: number, severe: number, spread: number): number => Math.max(0.2, calm + (severe - calm) * ill + (random() - 0.5) * 2 * spread);
  return [
    { code: 'WBC', unit: 'K/uL', value: between(8, 24, 3), digits: 1 }, { code: 'CREA', unit: 'mg/dL', value: between(0.9, 3.4, 0.3), digits: 2 },
    { code: 'BUN', unit: 'mg/dL', value: between(15, 64, 6) }, { code: 'PLT', unit: 'K/uL', value: between(240, 60, 30) },
    { code: 'TBIL', unit: 'mg/dL', value: between(0.7, 4.5, 0.3), digits: 1 }, { code: 'CO2', unit: 'mmol/L', value: between(25, 14, 2) },
    { code: 'PH', unit: '', value: between(7.4, 7.18, 0.02), digits: 2 }, { code: 'FIO2', unit: '', value: Math.min(1, between(0.3, 0.85, 0.05)), digits: 2 },
  ];
}
