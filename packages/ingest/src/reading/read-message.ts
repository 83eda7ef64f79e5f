import {
  isSupportedVersion, locationOf, readHeader, segmentNamed, type Hl7Header, type Hl7Message, type Hl7Segment,
} from '@primum/formats';
import type { MessageReading, PriorReading, ReadingOutcome, ReadingSource, SubjectReading } from './message-reading.ts';
import { messageCodes, messageTypes, type MessageType } from './message-types.ts';
import { readIdentifiers, readTime, ReadingFault, requireField } from './read-fields.ts';
import { readResults } from './read-results.ts';
import { readSubject } from './read-subject.ts';

/**
 * Reads a message as far as its own bytes go, without the record: type, times, patients, visit, results. What fails
 * here is answered to the sender (AE or AR with ERR) and kept in quarantine; what the record refuses later
 * (an unknown patient, an unmatched correction) goes to quarantine after its acknowledgement.
 */
export function readMessage(message: Hl7Message, source: ReadingSource): ReadingOutcome {
  try {
    return { ok: true, reading: read(message, source) };
  } catch (error) {
    if (error instanceof ReadingFault) return { ok: false, problem: error.problem };
    throw error;
  }
}

function read(message: Hl7Message, source: ReadingSource): MessageReading {
  const header = readHeader(message);
  const msh = header.segment;
  if (header.controlId === '') throw new ReadingFault({ code: 'hl7.field-missing', location: locationOf(msh, 10) });
  if (!isSupportedVersion(header.version)) throw new ReadingFault({ code: 'hl7.version-unsupported', location: locationOf(msh, 12) });
  const type = typeOf(header);
  requireField(msh, 7);
  const messageAt = readTime(msh, 7, source) ?? 0;
  const { subjects, priors } = readSubjects(message, type, source);
  const evn = segmentNamed(message, 'EVN');
  return {
    header,
    type,
    messageAt,
    eventAt: eventTime(type, evn, subjects[0], messageAt, source),
    subjects,
    priors,
    results: type.results === 'none' ? [] : readResults(message, messageAt, source),
  };
}

function typeOf(header: Hl7Header): MessageType {
  const { messageCode, triggerEvent, segment } = header;
  const known = messageTypes.get(`${messageCode}^${triggerEvent}`);
  if (known !== undefined) return known;
  throw new ReadingFault({ code: 'hl7.type-unsupported', location: locationOf(segment, 9), ...(messageCodes.has(messageCode) ? { hl70357: '201' } : {}) });
}

/** A message that merges more patients than this is no message of a person's work. */
const mostSubjects = 50;

type Group = { pid: Hl7Segment; pv1: Hl7Segment | undefined; mrgs: { mrg: Hl7Segment; pv1: Hl7Segment | undefined }[] };

/**
 * One PID with the PV1 and MRG that follow it; A17 (ADT_A17) and A37 (ADT_A37) hold two, ADT_A39 (A40 and its like) one
 * a merge. More patients than the event has would be applied to nobody: refused. A45 moves one visit a MRG and PV1.
 */
function readSubjects(message: Hl7Message, type: MessageType, source: ReadingSource): { subjects: SubjectReading[]; priors: PriorReading[] } {
  const most = type.patients === 'two' ? 2 : type.patients === 'many' ? mostSubjects : 1;
  const least = type.patients === 'two' ? 2 : type.patients === 'optional' ? 0 : 1;
  const groups: Group[] = [];
  for (const segment of message.segments) {
    const last = groups.at(-1);
    if (segment.name === 'PID') groups.push({ pid: segment, pv1: undefined, mrgs: [] });
    else if (segment.name === 'MRG' && last !== undefined) last.mrgs.push({ mrg: segment, pv1: undefined });
    else if (segment.name === 'PV1' && last !== undefined) {
      last.pv1 ??= segment;
      const merge = last.mrgs.at(-1);
      if (merge !== undefined) merge.pv1 ??= segment;
    }
  }
  if (groups.length < least) throw new ReadingFault({ code: 'hl7.segment-missing', location: `PID^${groups.length + 1}` });
  const extra = groups[most];
  if (extra !== undefined) throw new ReadingFault({ code: 'hl7.field-invalid', location: locationOf(extra.pid), detail: 'more patients than the event has' });
  if (type.needsVisit && groups.some(({ pv1 }) => pv1 === undefined)) throw new ReadingFault({ code: 'hl7.segment-missing', location: 'PV1^1' });
  return {
    subjects: groups.map(({ pid, pv1 }) => readSubject(pid, pv1, source)),
    priors: readsPriors.has(type.does) ? groups.flatMap(({ mrgs }, index) => readPriors(mrgs, index, type, source)) : [],
  };
}

const readsPriors: ReadonlySet<MessageType['does']> = new Set(['merge', 'change-identifier', 'merge-account', 'move-visit']);

function readPriors(mrgs: Group['mrgs'], subject: number, type: MessageType, source: ReadingSource): PriorReading[] {
  const [first, second] = mrgs;
  if (first === undefined) throw new ReadingFault({ code: 'hl7.segment-missing', location: 'MRG^1' });
  if (second !== undefined && type.does !== 'move-visit') throw new ReadingFault({ code: 'hl7.field-invalid', location: locationOf(second.mrg), detail: 'more than one merge of a patient' });
  return mrgs.slice(0, mostSubjects).map(({ mrg, pv1 }) => {
    const identifiers = readIdentifiers(mrg, 1, source);
    if (identifiers.length === 0) throw new ReadingFault({ code: 'hl7.field-missing', location: locationOf(mrg, 1) });
    const account = readIdentifiers(mrg, 3, source)[0];
    if (account === undefined && type.does === 'merge-account') throw new ReadingFault({ code: 'hl7.field-missing', location: locationOf(mrg, 3) });
    return { sequence: mrg.sequence, subject, identifiers, account, visit: readIdentifiers(mrg, 5, source)[0], visitNow: pv1 === undefined ? undefined : readIdentifiers(pv1, 19, source)[0] };
  });
}

function eventTime({ does }: MessageType, evn: Hl7Segment | undefined, subject: SubjectReading | undefined, messageAt: number, source: ReadingSource): number {
  const occurred = evn === undefined ? undefined : readTime(evn, 6, source);
  const recorded = evn === undefined ? undefined : readTime(evn, 2, source);
  const own = does === 'admit' ? subject?.visit?.admittedAt : does === 'discharge' ? subject?.visit?.dischargedAt : undefined;
  return occurred ?? own ?? recorded ?? messageAt;
}
