import { charsetNamed, type Hl7Charset } from './charset.ts';
import { encodingCharacters, readEncoding, type Hl7Encoding } from './encoding.ts';
import type { Hl7Problem } from './problem.ts';

/**
 * `fields[n]` is field n as it was sent, escapes and all; `fields[0]` is the name. MSH is numbered as the standard
 * numbers it: `fields[1]` is the field separator and `fields[2]` the encoding characters.
 * `sequence` counts segments of one name from 1, as ERL and our provenance cite them.
 */
export type Hl7Segment = { name: string; sequence: number; fields: readonly string[]; encoding: Hl7Encoding };

export type Hl7Message = { encoding: Hl7Encoding; segments: readonly Hl7Segment[] };

export type ParsedMessage = { ok: true; message: Hl7Message } | { ok: false; problem: Hl7Problem };

/**
 * Parses a message (HL7 2.5.1, section 2.6): segments end with CR; CR LF is taken too, and LF where a segment's name
 * or the end follows, so that a line feed inside a text stays in its field. Components are cut when they are read
 * (`component`), so the cost is one pass over the text. Every segment is kept, unknown ones included.
 * `charset` is what the text was decoded with, where MSH-18 does not say it.
 * Problems: hl7.msh-missing, hl7.encoding-invalid, hl7.frame-malformed (a second MSH: two messages in one frame).
 */
export function parseMessage(text: string, options: { charset?: Hl7Charset } = {}): ParsedMessage {
  const content = text.replace(/^[\uFEFF\r\n]+/, '');
  if (!content.startsWith('MSH')) return fail({ code: 'hl7.msh-missing' });
  const encoding = readEncoding(content);
  if (encoding === undefined) return fail({ code: 'hl7.encoding-invalid', location: 'MSH^1^2' });

  const counts = new Map<string, number>();
  const segments: Hl7Segment[] = [];
  for (const line of segmentLines(content, encoding.field)) {
    if (line === '') continue;
    const fields = line.split(encoding.field);
    const name = fields[0] ?? '';
    if (name === 'MSH') {
      if (segments.length > 0) return fail({ code: 'hl7.frame-malformed', location: 'MSH^2', detail: 'two MSH segments in one frame' });
      fields.splice(1, 1, encoding.field, encodingCharacters(encoding));
    }
    const sequence = (counts.get(name) ?? 0) + 1;
    counts.set(name, sequence);
    segments.push({ name, sequence, fields, encoding });
  }
  const declared = charsetNamed(segments[0]?.fields[18] ?? '', encoding.repetition);
  encoding.charset = options.charset ?? (declared || 'ASCII');
  return { ok: true, message: { encoding, segments } };
}

function segmentLines(content: string, separator: string): string[] {
  if (!content.includes('\n')) return content.split('\r');
  // The look-behind keeps a long run of line feeds from being tried once per line feed.
  return content.split(new RegExp(`\\r\\n*|(?<!\\n)\\n+(?=[A-Z][A-Z0-9]{2}\\x${separator.charCodeAt(0).toString(16)}|\\r|$)`));
}

function fail(problem: Hl7Problem): ParsedMessage {
  return { ok: false, problem };
}
