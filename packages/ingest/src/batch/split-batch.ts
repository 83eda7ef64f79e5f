/** A count that a trailer names and what there was: BTS-1, FTS-1 (HL7 2.5.1, sections 2.15.2 and 2.15.6). */
export type CountMismatch = { trailer: 'BTS' | 'FTS'; said: number; found: number };
export type Batch = { messages: Buffer[]; mismatches: CountMismatch[] };

const [cr, lf] = [13, 10];
const bom = Buffer.from([0xef, 0xbb, 0xbf]);
/** CR, LF, and the bytes of MLLP frames, which some interfaces leave in their files. */
const isEnd = (byte: number | undefined): boolean => byte === cr || byte === lf || byte === 0x0b || byte === 0x1c;

/** Whether bytes begin a batch (FHS or BHS) and not a message. */
export function isBatch(bytes: Uint8Array): boolean {
  const from = bom.equals(bytes.subarray(0, 3)) ? 3 : 0;
  const head = Buffer.from(bytes.subarray(from, from + 3)).toString('latin1');
  return head === 'FHS' || head === 'BHS';
}

/**
 * Cuts a file or batch into its messages (HL7 2.5.1, section 2.10.3): FHS, BHS, messages, BTS, FTS, of which any header and
 * trailer may be missing. Bytes are not read, only cut at segments that begin with MSH, so that each message keeps its own
 * character set and delimiters; a byte order mark of the file counts for each of them. A trailer that counts otherwise is
 * told; what is there is there.
 */
export function splitBatch(bytes: Buffer): Batch {
  const messages: Buffer[] = [];
  const mismatches: CountMismatch[] = [];
  let separator = '|';
  const marked = bom.equals(bytes.subarray(0, 3));
  let from: number | undefined;
  let [inBatch, batches] = [0, 0];
  const end = (at: number): void => {
    if (from === undefined) return;
    while (bytes[at - 1] === 0x0b || bytes[at - 1] === 0x1c || (bytes[at - 1] === cr && bytes[at - 2] === 0x1c)) at -= 1;
    const message = bytes.subarray(from, at);
    messages.push(marked ? Buffer.concat([bom, message]) : message);
    from = undefined;
    inBatch += 1;
  };
  const counted = (trailer: CountMismatch['trailer'], line: string, found: number): void => {
    const said = line.split(separator)[1]?.trim() ?? '';
    if (/^\d{1,9}$/.test(said) && Number(said) !== found) mismatches.push({ trailer, said: Number(said), found });
  };
  for (let at = marked ? 3 : 0; at < bytes.length;) {
    let next = at;
    while (next < bytes.length && !isEnd(bytes[next])) next += 1;
    const name = bytes.toString('latin1', at, at + 3);
    if (name === 'MSH') {
      end(at);
      from = at;
    } else if (name === 'FHS' || name === 'BHS' || name === 'BTS' || name === 'FTS') {
      end(at);
      const line = bytes.toString('latin1', at, next);
      if (name === 'FHS' || name === 'BHS') separator = line[3] ?? '|';
      if (name === 'BHS') inBatch = 0;
      if (name === 'BTS') {
        counted('BTS', line, inBatch);
        batches += 1;
        inBatch = 0;
      }
      if (name === 'FTS') counted('FTS', line, batches);
    }
    while (next < bytes.length && isEnd(bytes[next])) next += 1;
    at = next;
  }
  end(bytes.length);
  return { messages, mismatches };
}
