import { mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { PrimumError, systemClock, uuidv7 } from '@primum/base';
import { createOnnxEngine } from '@primum/inference';
import { signingKeyAt, trustedKeyOf } from '@primum/registry';
import { trainPack, type TrainProgress } from '@primum/training';
import { emitLineage, lineageUrl } from '../lineage/emit-lineage.ts';
import { trainingEvents } from '../lineage/open-lineage.ts';
import { trustKey } from '../models.ts';
import { homeOf, openLog, wholeNumber } from './settings.ts';

export async function train(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args], allowPositionals: true,
    options: { home: { type: 'string' }, data: { type: 'string', multiple: true }, out: { type: 'string' }, key: { type: 'string' }, seed: { type: 'string' } },
  });
  // `--data A B`: the shell's expansion of a pattern gives the further files as positionals.
  const [pack, ...furtherFiles] = positionals;
  const dataFiles = [...(values.data ?? []), ...furtherFiles];
  if (pack === undefined || dataFiles.length === 0) throw new PrimumError('config.usage', 'primum train PACK --data FILE… [--out DIR] [--key FILE] [--seed N]');
  const home = homeOf(values.home);
  const outDir = resolve(values.out ?? join(pack, 'model'));
  const seed = wholeNumber('seed', values.seed, 0, 2 ** 31 - 1);
  const keyFile = values.key ?? join(home, 'signing-key.pem');
  mkdirSync(home, { recursive: true });
  const signingKey = await signingKeyAt(keyFile);
  await using engine = createOnnxEngine();
  const startedAt = systemClock.now();
  const result = await trainPack(
    { clock: systemClock, signingKey, engine, onProgress: reporter() },
    { packDir: resolve(pack), dataFiles: dataFiles.map((file) => resolve(file)), outDir, ...(seed === undefined ? {} : { seed }) },
  );
  trustKey(home, trustedKeyOf(signingKey, `trained on ${hostname()}`));
  await emitLineage({ home, log: openLog(home), url: lineageUrl(process.env) }, trainingEvents(uuidv7(startedAt.getTime()), startedAt, systemClock.now(), result.manifest));
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  console.log(`Wrote ${outDir}\nModel ${result.manifest.id} ${result.manifest.version}; ONNX and trees differ by at most ${result.largestOnnxDifference}.\nSigned with ${keyFile}; read MODEL_CARD.md before anything else.`);
}

/** One line that is rewritten on a terminal, else a line for each tenth of a phase. */
function reporter(): (progress: TrainProgress) => void {
  let last = '';
  return ({ phase, done, total }) => {
    const part = total === null || total === 0 ? '' : ` ${Math.floor((10 * done) / total) * 10} %`;
    const line = process.stderr.isTTY ? `${phase} ${done}${total === null ? '' : ` of ${total}`}` : `${phase}${part}`;
    if (line === last) return;
    last = line;
    process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${line}` : `${line}\n`);
  };
}
