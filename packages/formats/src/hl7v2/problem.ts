import type { ErrorCode } from '@primum/contract';

/**
 * What a sender did wrong, as data: parsers return it, an acknowledgement carries it.
 * `location` is an ERL value (HL7 2.5.1, section 2.A.28): segment^sequence^field^repetition^component^subcomponent.
 * `detail` is technical and never holds a value of the message.
 */
export type Hl7Problem = { code: ErrorCode; location?: string; detail?: string };

/** AA accepted, AE an error in the content, AR rejected (HL7 table 0008). */
export type AckCode = 'AA' | 'AE' | 'AR';

type Condition = { ackCode: 'AE' | 'AR'; hl70357: string };

const conditions: Partial<Record<ErrorCode, Condition>> = {
  'hl7.frame-malformed': { ackCode: 'AR', hl70357: '100' },
  'hl7.frame-oversize': { ackCode: 'AR', hl70357: '104' },
  'hl7.msh-missing': { ackCode: 'AR', hl70357: '100' },
  'hl7.encoding-invalid': { ackCode: 'AR', hl70357: '102' },
  'hl7.charset-unsupported': { ackCode: 'AR', hl70357: '103' },
  'hl7.charset-invalid': { ackCode: 'AE', hl70357: '102' },
  'hl7.type-unsupported': { ackCode: 'AR', hl70357: '200' },
  'hl7.version-unsupported': { ackCode: 'AR', hl70357: '203' },
  'hl7.segment-missing': { ackCode: 'AE', hl70357: '100' },
  'hl7.field-missing': { ackCode: 'AE', hl70357: '101' },
  'hl7.field-invalid': { ackCode: 'AE', hl70357: '102' },
  'ingest.validation-failed': { ackCode: 'AE', hl70357: '102' },
  'hl7.source-unknown': { ackCode: 'AE', hl70357: '204' },
  'hl7.patient-unknown': { ackCode: 'AE', hl70357: '204' },
  'hl7.encounter-unknown': { ackCode: 'AE', hl70357: '204' },
  'hl7.merge-conflict': { ackCode: 'AE', hl70357: '204' },
  'hl7.event-out-of-order': { ackCode: 'AE', hl70357: '204' },
  'hl7.correction-unmatched': { ackCode: 'AE', hl70357: '204' },
};

/**
 * How HL7 says a code of ours: the acknowledgement code, and the condition of table 0357. A code that is not about
 * the message is ours to mend: rejected, 207 (application internal error). A sender may take 207 as "try again", so no
 * code that is about the message has it.
 */
export function conditionOf(code: ErrorCode): Condition {
  return conditions[code] ?? { ackCode: 'AR', hl70357: '207' };
}

/** The names of table 0357's codes that we use. */
export const conditionNames: Readonly<Record<string, string>> = {
  '100': 'Segment sequence error',
  '101': 'Required field missing',
  '102': 'Data type error',
  '103': 'Table value not found',
  // Came with HL7 2.6.
  '104': 'Value too long',
  '200': 'Unsupported message type',
  '201': 'Unsupported event code',
  '202': 'Unsupported processing id',
  '203': 'Unsupported version id',
  '204': 'Unknown key identifier',
  '205': 'Duplicate key identifier',
  '206': 'Application record locked',
  '207': 'Application internal error',
};
