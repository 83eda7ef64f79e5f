import type { KeyObject } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { createZstdDecompress } from 'node:zlib';
import { PrimumError } from '@primum/base';
import { openStream } from '@primum/trust';
import { partName } from './manifest.ts';

/** The content of a part, opened and inflated as it is read. Throws backup.damaged. */
export async function* readPart(directory: string, id: string, part: string, key: KeyObject): AsyncGenerator<Buffer> {
  const opened = Readable.from(openStream(key, partName(id, part), createReadStream(join(directory, id, part))), { objectMode: false });
  const zstd = createZstdDecompress();
  opened.on('error', (error) => zstd.destroy(error));
  try {
    yield* opened.pipe(zstd) as AsyncIterable<Buffer>; // without an encoding a stream gives Buffers
  } catch (error) {
    throw error instanceof PrimumError ? error : new PrimumError('backup.damaged', 'a part cannot be read', { cause: error });
  }
}
