import type { Hl7Charset } from './charset.ts';

/**
 * The characters that structure a message, as MSH-1 and MSH-2 give them (HL7 2.5.1, section 2.5.4), and the character
 * set that `\Xhh\` escapes are read in.
 */
export type Hl7Encoding = {
  field: string;
  component: string;
  repetition: string;
  escape: string;
  subcomponent: string;
  /** Only when MSH-2 has a fifth character (HL7 2.7, section 2.5.5.2). */
  truncation?: string;
  charset: Hl7Charset;
};

export const defaultEncoding: Hl7Encoding = {
  field: '|', component: '^', repetition: '~', escape: '\\', subcomponent: '&', charset: 'ASCII',
};

/**
 * Reads MSH-1 and MSH-2 from the start of a message. Undefined unless they are four or five distinct characters
 * besides the separator, each printable ASCII and neither letter, digit, space nor quotation mark: a letter would
 * cut words apart, and the quotation mark spells the HL7 null value.
 */
export function readEncoding(text: string, charset: Hl7Charset = 'ASCII'): Hl7Encoding | undefined {
  const field = text.charAt(3);
  const end = field === '' ? -1 : text.indexOf(field, 4);
  const stop = end === -1 ? text.slice(4, 10).search(/[\r\n]|$/) + 4 : end;
  const characters = text.slice(4, stop);
  if (characters.length < 4 || characters.length > 5) return undefined;
  const all = field + characters;
  if (!/^[!#-/:-@[-`{-~]+$/.test(all) || new Set(all).size !== all.length) return undefined;
  const encoding: Hl7Encoding = {
    field,
    component: characters.charAt(0),
    repetition: characters.charAt(1),
    escape: characters.charAt(2),
    subcomponent: characters.charAt(3),
    charset,
  };
  if (characters.length === 5) encoding.truncation = characters.charAt(4);
  return encoding;
}

/** MSH-2 as the encoding writes it. */
export function encodingCharacters(encoding: Hl7Encoding): string {
  return encoding.component + encoding.repetition + encoding.escape + encoding.subcomponent + (encoding.truncation ?? '');
}
