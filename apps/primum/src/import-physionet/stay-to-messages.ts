import { dateOfBirthFor, hospitalAdmitAt, icuDischargeAt, physionetColumns, rowEffectiveAt, rowKnownAt, type PhysionetStay } from '@primum/datasets';
import { buildMessage, formatTs, type SegmentInput } from '@primum/formats';

export const physionetApplication = 'PHYSIONET';

/** A message at the moment (ms, the replay's clock) at which it is sent. */
export type ReplayMessage = {
  sentAt: number;
  text: string;
  /** Of an admission: who is admitted. */
  admits?: { mrn: string; facility: string };
};

const ts = (at: number): string => formatTs(new Date(at), { precision: 'second', offsetMinutes: 0 });

/**
 * A stay as HL7 messages: A01 at ICU admission, one ORU^R01 for each hourly row at the end of its hour, A03. The
 * conventions of time are those of `physionet-conventions`, so that the record's facts equal the file's. Values keep
 * the file's digits (a double's shortest text). Label and outcome are not sent: a bedside does not have them.
 */
export function* stayToMessages(stay: PhysionetStay, options: { icuAdmitAt: number; facility: string; bed: string; run: string; columnUnits: Readonly<Record<string, string>> }): Generator<ReplayMessage> {
  const { icuAdmitAt, facility, bed, columnUnits } = options;
  const hospitalAdmit = hospitalAdmitAt(icuAdmitAt, stay.hospAdmHours);
  const mrn = `${stay.id}-${options.run}`;
  const location = [stay.unit ?? 'ICU', 'ICU', bed] as const;

  const header = (type: readonly [string, string, string], control: string, at: number): SegmentInput =>
    ['MSH', [physionetApplication], [facility], ['PRIMUM'], ['PRIMUM'], ts(at), '', type, `${mrn}-${control}`, 'P', '2.5.1', '', '', '', '', '', 'UNICODE UTF-8'];
  const pid: SegmentInput = ['PID', '1', '', [mrn, '', '', facility, 'MR'], '', ['Stay', stay.id.toUpperCase()], '',
    stay.ageYears === null ? '' : dateOfBirthFor(stay.ageYears, hospitalAdmit).replaceAll('-', ''), stay.male === 1 ? 'M' : stay.male === 0 ? 'F' : 'U'];
  const pv1 = (endedAt?: number): SegmentInput => {
    const fields: (string | readonly string[])[] = Array.from({ length: 45 }, () => '');
    fields[0] = '1';
    fields[1] = 'I';
    fields[2] = location;
    fields[18] = [`V${mrn}`, '', '', facility, 'VN'];
    fields[43] = ts(hospitalAdmit);
    fields[44] = endedAt === undefined ? '' : ts(endedAt);
    return ['PV1', ...fields];
  };

  yield { sentAt: icuAdmitAt, admits: { mrn, facility }, text: buildMessage([header(['ADT', 'A01', 'ADT_A01'], 'A01', icuAdmitAt), ['EVN', 'A01', ts(icuAdmitAt), '', '', '', ts(icuAdmitAt)], pid, pv1()]) };
  for (const row of stay.rows) {
    const effective = ts(rowEffectiveAt(icuAdmitAt, row.hour));
    const known = rowKnownAt(icuAdmitAt, row.hour);
    const results: SegmentInput[] = [];
    for (const [index, column] of physionetColumns.entries()) {
      const value = row.values[index]!;
      if (Number.isNaN(value)) continue;
      results.push(['OBX', String(results.length + 1), 'NM', [column, column, 'L'], '', String(value), columnUnits[column] ?? '', '', '', '', '', 'F', '', '', effective]);
    }
    const order = `${mrn}-${row.hour}`;
    yield { sentAt: known, text: buildMessage([header(['ORU', 'R01', 'ORU_R01'], `H${row.hour}`, known), pid, pv1(), ['OBR', '1', order, order, ['HOURLY', 'Hourly row', 'L'], '', '', effective], ...results]) };
  }
  const endsAt = icuDischargeAt(icuAdmitAt, stay.rows.at(-1)!.hour);
  yield { sentAt: endsAt, text: buildMessage([header(['ADT', 'A03', 'ADT_A03'], 'A03', endsAt), ['EVN', 'A03', ts(endsAt), '', '', '', ts(endsAt)], pid, pv1(endsAt)]) };
}
