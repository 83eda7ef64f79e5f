import { buildMessage, formatTs, type SegmentInput } from '@primum/formats';
import type { Sent } from './physiology.ts';
import type { WardPatient } from './patient.ts';

export const wardFacility = 'SIMICU';
export const wardSenders = { adt: 'SIMADT', monitors: 'SIMMON', laboratory: 'SIMLAB' } as const;
export type WardSender = (typeof wardSenders)[keyof typeof wardSenders];

/** A message at the moment (ms, the ward's clock) at which its sender sends it. */
export type WardMessage = { sentAt: number; sender: WardSender; controlId: string; text: string };

const utc = { offsetMinutes: 0 };
const ts = (at: number): string => formatTs(new Date(at), utc);

function header(sender: WardSender, type: readonly [string, string, string], controlId: string, sentAt: number): SegmentInput {
  return ['MSH', [sender], [wardFacility], ['PRIMUM'], ['PRIMUM'], ts(sentAt), '', type, controlId, 'P', '2.5.1', '', '', '', '', '', 'UNICODE UTF-8'];
}

const pid = (patient: WardPatient): SegmentInput =>
  ['PID', '1', '', [patient.mrn, '', '', wardFacility, 'MR'], '', [patient.family, patient.given], '', patient.birthDate, patient.sex];

function pv1(patient: WardPatient, location: readonly [string, string, string], admittedAt: number, ended?: { at: number; disposition: string }): SegmentInput {
  const fields: string[] = Array.from({ length: 45 }, () => '');
  fields[43] = ts(admittedAt);
  fields[35] = ended?.disposition ?? '';
  fields[44] = ended === undefined ? '' : ts(ended.at);
  const segment: (string | readonly string[])[] = fields;
  segment[0] = '1';
  segment[1] = 'I';
  segment[2] = location;
  segment[18] = [patient.visit, '', '', wardFacility, 'VN'];
  return ['PV1', ...segment];
}

export type AdtEvent = {
  trigger: 'A01' | 'A02' | 'A03' | 'A08';
  at: number;
  sentAt: number;
  controlId: string;
  location: readonly [string, string, string];
  admittedAt: number;
  ended?: { at: number; disposition: string };
};

export function adtMessage(patient: WardPatient, event: AdtEvent): WardMessage {
  return {
    sentAt: event.sentAt,
    sender: wardSenders.adt,
    controlId: event.controlId,
    text: buildMessage([
      header(wardSenders.adt, ['ADT', event.trigger, event.trigger === 'A03' ? 'ADT_A03' : event.trigger === 'A02' ? 'ADT_A02' : 'ADT_A01'], event.controlId, event.sentAt),
      ['EVN', event.trigger, ts(event.at), '', '', '', ts(event.at)],
      pid(patient),
      pv1(patient, event.location, event.admittedAt, event.ended),
    ]),
  };
}

export type ResultEvent = {
  sender: WardSender;
  order: string;
  battery: readonly [string, string];
  /** When the values were true (specimen or reading). */
  at: number;
  sentAt: number;
  controlId: string;
  location: readonly [string, string, string];
  admittedAt: number;
  values: readonly Sent[];
  /** OBX-11 (HL7 table 0085). */
  status: 'F' | 'C' | 'W' | 'P';
};

export function resultMessage(patient: WardPatient, event: ResultEvent): WardMessage {
  return {
    sentAt: event.sentAt,
    sender: event.sender,
    controlId: event.controlId,
    text: buildMessage([
      header(event.sender, ['ORU', 'R01', 'ORU_R01'], event.controlId, event.sentAt),
      pid(patient),
      pv1(patient, event.location, event.admittedAt),
      ['OBR', '1', event.order, event.order, [event.battery[0], event.battery[1], 'L'], '', '', ts(event.at)],
      ...event.values.map((value, index): SegmentInput => [
        'OBX', String(index + 1), value.text.startsWith('text:') ? 'ST' : 'NM', [value.code, value.name, 'L'], '',
        value.text.replace(/^text:/, ''), value.unit, value.range ?? '', '', '', '', event.status, '', '', ts(event.at),
      ]),
    ]),
  };
}
