import { isUtf8 } from 'node:buffer';
import { PrimumError } from '@primum/base';
import type { Hl7Encoding } from './encoding.ts';
import { decodeSingleByte, isSingleByte } from './single-byte.ts';

/**
 * Escape sequences (HL7 2.5.1, section 2.7), with the message's own escape character (here `\`):
 *   \F\ \S\ \T\ \R\ \E\ \P\  field, component, subcomponent, repetition, escape, truncation (2.7) character
 *   \Xhh..\                  bytes in the message's character set
 *   \.br\                    line break, read as LF
 *   \H\ \N\                  start and end of highlighting: they carry no text and are left out
 * Any other sequence (\Cxxyy\, \Zxx\, \.sp\, a Windows path …) stays in the text as it is: nothing that a sender wrote
 * is guessed at or lost. So does a \X..\ that is not whole bytes of the character set, or that holds NUL.
 */
export function unescapeText(raw: string, encoding: Hl7Encoding): string {
  const mark = encoding.escape;
  let open = raw.indexOf(mark);
  if (open === -1) return raw;
  let text = '';
  let from = 0;
  while (open !== -1) {
    const close = raw.indexOf(mark, open + 1);
    if (close === -1) break;
    const value = sequenceValue(raw.slice(open + 1, close), encoding);
    text += value === undefined ? raw.slice(from, close + 1) : raw.slice(from, open) + value;
    from = close + 1;
    open = raw.indexOf(mark, from);
  }
  return text + raw.slice(from);
}

function sequenceValue(body: string, encoding: Hl7Encoding): string | undefined {
  switch (body) {
    case 'F': return encoding.field;
    case 'S': return encoding.component;
    case 'T': return encoding.subcomponent;
    case 'R': return encoding.repetition;
    case 'E': return encoding.escape;
    case 'P': return encoding.truncation;
    case 'H': case 'N': return '';
    case '.br': case '.BR': return '\n';
    default: return body.startsWith('X') ? hexValue(body.slice(1), encoding) : undefined;
  }
}

function hexValue(hex: string, encoding: Hl7Encoding): string | undefined {
  if (hex.length === 0 || hex.length % 2 !== 0 || !/^[0-9A-Fa-f]+$/.test(hex)) return undefined;
  const bytes = Buffer.from(hex, 'hex');
  if (bytes.includes(0)) return undefined;
  if (isSingleByte(encoding.charset)) return decodeSingleByte(bytes, encoding.charset);
  if (encoding.charset !== 'UNICODE UTF-8') return bytes.toString('latin1');
  return isUtf8(bytes) ? bytes.toString('utf8') : undefined;
}

/**
 * The inverse of `unescapeText`. Control characters become \Xhh\ (LF becomes \.br\), so that no value can end a segment
 * or an MLLP frame.
 */
export function escapeText(value: string, encoding: Hl7Encoding): string {
  const { field, component, repetition, escape, subcomponent, truncation } = encoding;
  let text = '';
  let from = 0;
  for (let at = 0; at < value.length; at += 1) {
    const character = value.charAt(at);
    const body = character === field ? 'F'
      : character === component ? 'S'
      : character === repetition ? 'R'
      : character === escape ? 'E'
      : character === subcomponent ? 'T'
      : character === truncation ? 'P'
      : character === '\n' ? '.br'
      : character < ' ' ? controlBody(character)
      : undefined;
    if (body === undefined) continue;
    text += value.slice(from, at) + escape + body + escape;
    from = at + 1;
  }
  return from === 0 ? value : text + value.slice(from);
}

function controlBody(character: string): string {
  if (character === '\0') throw new PrimumError('hl7.field-invalid', 'a value holds NUL');
  return `X${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}
