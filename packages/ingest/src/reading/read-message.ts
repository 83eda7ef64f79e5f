import {
  isSupportedVersion, locationOf, readHeader, segmentNamed, segmentsNamed, type Hl7Header, type Hl7Message, type Hl7Segment,
} from '@primum/formats';
import { triggers, type MessageReading, type ReadingOutcome, type ReadingSource, type SubjectReading, type Trigger } from './message-reading.ts';
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
  const trigger = triggerOf(header);
  requireField(msh, 7);
  const messageAt = readTime(msh, 7, source) ?? 0;
  const subjects = readSubjects(message, trigger, source);
  const evn = segmentNamed(message, 'EVN');
  return {
    header,
    trigger,
    messageAt,
    eventAt: eventTime(trigger, evn, subjects[0], messageAt, source),
    subjects,
    prior: trigger === 'A40' ? readPrior(message, source) : undefined,
    results: readResults(message, messageAt, source),
  };
}

function triggerOf(header: Hl7Header): Trigger {
  const { messageCode, triggerEvent, segment } = header;
  const known = triggers.find((trigger) => trigger === triggerEvent && messageCode === (trigger === 'R01' ? 'ORU' : 'ADT'));
  if (known !== undefined) return known;
  const eventOnly = messageCode === 'ADT' || messageCode === 'ORU';
  throw new ReadingFault({ code: 'hl7.type-unsupported', location: locationOf(segment, 9), ...(eventOnly ? { hl70357: '201' } : {}) });
}

/**
 * One PID with the PV1 that follows it; A17 (ADT_A17) and A37 (ADT_A37) hold two. More patients than the event has
 * would need more lanes than a message has: refused.
 */
function readSubjects(message: Hl7Message, trigger: Trigger, source: ReadingSource): SubjectReading[] {
  const wanted = trigger === 'A17' || trigger === 'A37' ? 2 : 1;
  const groups: { pid: Hl7Segment; pv1: Hl7Segment | undefined }[] = [];
  for (const segment of message.segments) {
    const last = groups.at(-1);
    if (segment.name === 'PID') groups.push({ pid: segment, pv1: undefined });
    else if (segment.name === 'PV1' && last !== undefined) last.pv1 ??= segment;
  }
  if (groups.length < wanted) throw new ReadingFault({ code: 'hl7.segment-missing', location: `PID^${groups.length + 1}` });
  const extra = groups[wanted];
  if (extra !== undefined) throw new ReadingFault({ code: 'hl7.field-invalid', location: locationOf(extra.pid), detail: 'more patients than the event has' });
  const needsVisit = trigger !== 'R01' && trigger !== 'A08' && trigger !== 'A40' && trigger !== 'A37';
  if (needsVisit && groups.some(({ pv1 }) => pv1 === undefined)) throw new ReadingFault({ code: 'hl7.segment-missing', location: 'PV1^1' });
  return groups.map(({ pid, pv1 }) => readSubject(pid, pv1, source));
}

function readPrior(message: Hl7Message, source: ReadingSource): NonNullable<MessageReading['prior']> {
  const [mrg, second] = segmentsNamed(message, 'MRG');
  if (mrg === undefined) throw new ReadingFault({ code: 'hl7.segment-missing', location: 'MRG^1' });
  if (second !== undefined) throw new ReadingFault({ code: 'hl7.field-invalid', location: locationOf(second), detail: 'more than one merge in a message' });
  const identifiers = readIdentifiers(mrg, 1, source);
  if (identifiers.length === 0) throw new ReadingFault({ code: 'hl7.field-missing', location: locationOf(mrg, 1) });
  return { sequence: mrg.sequence, identifiers };
}

function eventTime(trigger: Trigger, evn: Hl7Segment | undefined, subject: SubjectReading | undefined, messageAt: number, source: ReadingSource): number {
  const occurred = evn === undefined ? undefined : readTime(evn, 6, source);
  const recorded = evn === undefined ? undefined : readTime(evn, 2, source);
  const own = trigger === 'A01' || trigger === 'A04' ? subject?.visit?.admittedAt : trigger === 'A03' ? subject?.visit?.dischargedAt : undefined;
  return occurred ?? own ?? recorded ?? messageAt;
}
