import { parseMessage, type Hl7Message, type Hl7Segment } from './parse-message.ts';
import { component } from './read-segment.ts';

/** What MSH says, decoded; `segment` has the fields as they were sent, for the acknowledgement. */
export type Hl7Header = {
  sendingApplication: string;
  sendingFacility: string;
  /** MSH-7 as sent. */
  timestamp: string;
  /** MSH-9: `ADT`, `A01`, `ADT_A01`. */
  messageCode: string;
  triggerEvent: string;
  messageStructure: string;
  controlId: string;
  processingId: string;
  /** MSH-12.1: `2.5.1`. */
  version: string;
  segment: Hl7Segment;
};

const headerBytes = 4096;

export function readHeader(message: Hl7Message): Hl7Header {
  const segment = message.segments[0] ?? { name: 'MSH', sequence: 1, fields: ['MSH'], encoding: message.encoding };
  return {
    sendingApplication: component(segment, 3),
    sendingFacility: component(segment, 4),
    timestamp: component(segment, 7),
    messageCode: component(segment, 9),
    triggerEvent: component(segment, 9, { comp: 2 }),
    messageStructure: component(segment, 9, { comp: 3 }),
    controlId: component(segment, 10),
    processingId: component(segment, 11),
    version: component(segment, 12),
    segment,
  };
}

/**
 * The header of bytes that could not be decoded or framed whole, as far as it can be read, so that their sender still
 * gets an acknowledgement that names its control ID. Looks at the first 4 KiB, one character per byte.
 */
export function peekHeader(bytes: Buffer): Hl7Header | undefined {
  const text = bytes.subarray(0, headerBytes).toString('latin1').replace(/^\xEF\xBB\xBF/, '').trimStart();
  const line = text.slice(0, text.search(/[\r\n]|$/));
  const parsed = parseMessage(line, { charset: '8859/1' });
  return parsed.ok ? readHeader(parsed.message) : undefined;
}

/** HL7 2.1 to 2.9, errata numbers included. */
export function isSupportedVersion(version: string): boolean {
  return /^2\.[1-9](\.[0-9]{1,2})?$/.test(version);
}
