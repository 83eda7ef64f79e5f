/** ISO/IEC 8859 parts of HL7 table 0211 besides Latin 1, by the name that the WHATWG encoding standard knows them under. */
const labels = {
  '8859/2': 'iso-8859-2', '8859/3': 'iso-8859-3', '8859/4': 'iso-8859-4', '8859/5': 'iso-8859-5', '8859/6': 'iso-8859-6',
  '8859/7': 'iso-8859-7', '8859/8': 'iso-8859-8', '8859/9': 'windows-1254', '8859/15': 'iso-8859-15',
} as const;

export type SingleByteCharset = keyof typeof labels;

export function isSingleByte(name: string): name is SingleByteCharset {
  return name in labels;
}

/**
 * Text of an ISO/IEC 8859 set; undefined where a byte stands for nothing in it. 0x80 to 0x9F are control characters
 * there, and letters of Windows sets: a sender that uses them names the wrong set, so they are refused. 8859/9 differs
 * from Windows 1254 in those only.
 */
export function decodeSingleByte(bytes: Uint8Array, charset: SingleByteCharset): string | undefined {
  if (bytes.some((byte) => byte >= 0x80 && byte <= 0x9f)) return undefined;
  try {
    return new TextDecoder(labels[charset], { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Bytes of a text in such a set; undefined where it has no byte for a character. */
export function encodeSingleByte(text: string, charset: SingleByteCharset): Buffer | undefined {
  const decoder = new TextDecoder(labels[charset]);
  const byCharacter = new Map<string, number>();
  for (let byte = 0xa0; byte <= 0xff; byte += 1) byCharacter.set(decoder.decode(Uint8Array.of(byte)), byte);
  const bytes: number[] = [];
  for (const character of text) {
    const byte = character < '\u0080' ? character.charCodeAt(0) : byCharacter.get(character);
    if (byte === undefined || character === '\ufffd') return undefined;
    bytes.push(byte);
  }
  return Buffer.from(bytes);
}
