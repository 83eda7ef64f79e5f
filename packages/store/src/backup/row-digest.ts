import { hash } from 'node:crypto';
import { PrimumError } from '@primum/base';

/**
 * Counts and digests the rows of a COPY stream in binary format (PostgreSQL manual, COPY, "Binary Format") as it passes.
 * The digest is that of a multiset: SHA-256 of each row as it stands, summed in eight lanes of 32 bits. A table and its
 * restored copy may hold their rows in another order and still compare; it finds damage and mistakes, not forgers
 * (against them the parts are authenticated).
 */
export type RowDigest = { push(chunk: Buffer): void; end(): { rows: number; digest: string } };

const signatureBytes = 11;
const headerBytes = 19;

export function createRowDigest(): RowDigest {
  const sums = new Uint32Array(8);
  let rows = 0;
  let rest: Buffer = Buffer.alloc(0);
  let state: 'header' | 'rows' | 'ended' = 'header';

  /** Where the row that begins at `at` ends; undefined: it goes on in the next chunk. */
  const endOfRow = (bytes: Buffer, at: number): number | undefined => {
    if (bytes.length < at + 2) return undefined;
    let end = at + 2;
    for (let field = bytes.readInt16BE(at); field > 0; field -= 1) {
      if (bytes.length < end + 4) return undefined;
      end += 4 + Math.max(0, bytes.readInt32BE(end));
    }
    return end <= bytes.length ? end : undefined;
  };

  return {
    push: (chunk) => {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      let at = 0;
      if (state === 'header') {
        if (bytes.length < headerBytes || bytes.length < headerBytes + bytes.readInt32BE(signatureBytes + 4)) {
          rest = bytes;
          return;
        }
        at = headerBytes + bytes.readInt32BE(signatureBytes + 4);
        state = 'rows';
      }
      while (state === 'rows') {
        const end = endOfRow(bytes, at);
        if (end === undefined) break;
        if (bytes.readInt16BE(at) === -1) state = 'ended';
        else {
          const one = hash('sha256', bytes.subarray(at, end), 'buffer');
          for (let lane = 0; lane < 8; lane += 1) sums[lane] = sums[lane]! + one.readUInt32LE(lane * 4);
          rows += 1;
        }
        at = end;
      }
      rest = bytes.subarray(at);
    },
    end: () => {
      if (state !== 'ended') throw new PrimumError('internal.bug', 'a COPY stream was cut short');
      return { rows, digest: Buffer.from(sums.buffer).toString('hex') };
    },
  };
}

/** Passes a COPY stream on and digests it. */
export async function* digesting(digest: RowDigest, source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    digest.push(chunk);
    yield chunk;
  }
}
