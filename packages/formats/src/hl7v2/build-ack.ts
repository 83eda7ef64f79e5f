import { isAscii } from 'node:buffer';
import { errorCatalogue } from '@primum/contract';
import { buildSegment, writeField, type FieldInput } from './build-message.ts';
import { defaultEncoding, type Hl7Encoding } from './encoding.ts';
import { conditionNames, conditionOf, type AckCode, type Hl7Problem } from './problem.ts';
import type { Hl7Header } from './read-header.ts';
import { field } from './read-segment.ts';
import { formatTs } from './timestamp.ts';

export type AckInput = {
  /** The header of the message that is answered; undefined where none could be read. */
  header: Hl7Header | undefined;
  /** By default AA without an error, and what `conditionOf` says with one. */
  code?: AckCode;
  /** MSH-10 of the acknowledgement itself. */
  controlId: string;
  at: Date;
  /** `hl70357` overrides the condition that `conditionOf` gives the code (201 for an event of a known type, say). */
  error?: Hl7Problem & { hl70357?: string };
};

/**
 * An original-mode acknowledgement, MSH MSA [ERR] (HL7 2.5.1, sections 2.9.2, 2.15.5, 2.15.8): sender and receiver
 * swap places, MSA-2 echoes MSH-10, and the message's own delimiters are used so that copied fields need no rewriting.
 * ERR-2 location, ERR-3 condition (table 0357), ERR-4 severity, ERR-5 our catalogue code, ERR-7 what to do,
 * ERR-8 the catalogue's summary. ERR came into this shape with 2.5: for older versions MSA-3 says it too.
 * MSH-18 is set when a copied field is not ASCII; encode the text as UTF-8 then (`Buffer.from(text)`).
 */
export function buildAck({ header, code, controlId, at, error }: AckInput): string {
  const encoding = header?.segment.encoding ?? defaultEncoding;
  const ackCode = code ?? (error === undefined ? 'AA' : conditionOf(error.code).ackCode);
  const version = header?.version || '2.5.1';
  const summary = error === undefined ? undefined : errorCatalogue[error.code].summary;
  const oldShape = /^2\.[1-4](\D|$)/.test(version);

  const msh = mshOf(header, controlId, at, version, encoding);
  const msa = ['MSA', ackCode, raw(header, 10)];
  if (error !== undefined && oldShape) msa.push(writeField(`${error.code}: ${summary}`, encoding));
  const lines = [msh, msa.join(encoding.field)];
  if (error !== undefined) lines.push(buildSegment(['ERR', ...errFields(error)], encoding));
  return `${lines.join('\r')}\r`;
}

function mshOf(header: Hl7Header | undefined, controlId: string, at: Date, version: string, encoding: Hl7Encoding): string {
  // Only an event that could be one is said back: an answer is always made, whatever came.
  const event = /^[A-Za-z0-9]{1,4}$/.test(header?.triggerEvent ?? '') ? header?.triggerEvent ?? '' : '';
  const own = (value: FieldInput): string => writeField(value, encoding);
  const fields = [
    raw(header, 5), raw(header, 6), raw(header, 3), raw(header, 4),
    own(formatTs(at, { precision: 'fraction', offsetMinutes: 0 })), '',
    own(event === '' ? 'ACK' : ['ACK', event, 'ACK']), own(controlId), raw(header, 11) || 'P', raw(header, 12) || version,
  ];
  if (!isAscii(Buffer.from(fields.join('')))) fields.push('', '', '', '', '', 'UNICODE UTF-8');
  return buildSegment(['MSH'], encoding) + encoding.field + fields.join(encoding.field);
}

function errFields(error: NonNullable<AckInput['error']>): FieldInput[] {
  const { summary, action } = errorCatalogue[error.code];
  const condition = error.hl70357 ?? conditionOf(error.code).hl70357;
  return [
    undefined,
    error.location?.split('^'),
    [condition, conditionNames[condition], 'HL70357'],
    'E',
    [error.code, undefined, 'L'],
    undefined,
    error.detail === undefined ? action : `${error.detail}. ${action}`,
    summary,
  ];
}

/** As it came, without the bytes that frame a message: at the end of a line they would end the answer (MLLP, section 2). */
function raw(header: Hl7Header | undefined, number: number): string {
  return header === undefined ? '' : field(header.segment, number).replaceAll('\v', '').replaceAll('\u001c', '');
}
