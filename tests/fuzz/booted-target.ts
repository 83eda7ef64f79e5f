import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCatalogue } from '@primum/contract';
import { component, createMllpFramer, parseMessage, segmentNamed } from '@primum/formats';
import { bootForTest } from '../support/booted.ts';
import type { FuzzOutcome, FuzzTarget, Random } from './target.ts';
import { randomOf } from './target.ts';

const answerMs = 10_000;
const stalledMs = 30_000;

/** One acknowledgement: AA, or a rejection that names a code of the catalogue. Anything else is a fault. */
function readAnswer(bytes: Buffer): { accepted?: string; fault?: string } {
  const parsed = parseMessage(bytes.toString('utf8'));
  const msa = parsed.ok ? segmentNamed(parsed.message, 'MSA') : undefined;
  if (!parsed.ok || msa === undefined) return { fault: 'an answer is no acknowledgement' };
  if (component(msa, 1) === 'AA') return { accepted: component(msa, 2) };
  const err = segmentNamed(parsed.message, 'ERR');
  const code = err === undefined ? '' : component(err, 5);
  return Object.hasOwn(errorCatalogue, code) ? {} : { fault: `a rejection ${component(msa, 1)} without a code of the catalogue` };
}

/** Writes bytes as they were cut, ends our side, and reads all answers until the server ends its own. */
async function converse(port: number, chunks: readonly Buffer[]): Promise<{ answers: Buffer[]; closed: boolean }> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true });
  socket.on('error', () => undefined);
  const framer = createMllpFramer({ maxFrameBytes: 4 * 1024 * 1024 });
  const answers: Buffer[] = [];
  socket.on('data', (chunk) => {
    for (const event of framer.push(chunk)) if (event.kind === 'frame') answers.push(Buffer.from(event.bytes));
  });
  socket.on('end', () => socket.end());
  const closed = once(socket, 'close').then(() => true);
  for (const chunk of chunks) {
    if (socket.destroyed) break;
    socket.write(chunk);
    if (chunks.length < 20) await new Promise((resolve) => { setImmediate(resolve); });
  }
  socket.end();
  const ended = await Promise.race([closed, sleep(answerMs, false, { ref: false })]);
  socket.destroy();
  return { answers, closed: ended };
}

/** A booted Primum that is sent what `make` makes; every acknowledged control ID has to be in its database at the end. */
export function bootedTarget(make: (random: Random, id: string) => { chunks: Buffer[]; inputs: number }): FuzzTarget {
  return async () => {
    const primum = await bootForTest({ ownDatabase: true });
    const acknowledged = new Set<string>();
    const run = async (seed: number, round: number): Promise<FuzzOutcome> => {
      const { chunks, inputs } = make(randomOf(seed, round), `F${seed}-${round}`);
      const { answers, closed } = await converse(primum.mllpPort, chunks);
      const faults = closed ? [] : ['the connection was not ended'];
      let accepted = 0;
      for (const answer of answers.map(readAnswer)) {
        if (answer.fault !== undefined) faults.push(answer.fault);
        if (answer.accepted === undefined) continue;
        accepted += 1;
        acknowledged.add(answer.accepted);
      }
      return { inputs, accepted, rejected: answers.length - accepted, faults, input: Buffer.concat(chunks) };
    };
    return {
      run,
      async check() {
        const rows = await primum.core.db.query<{ control_id: string }>('select distinct control_id from message');
        const kept = new Set(rows.map(({ control_id }) => control_id));
        const lost = [...acknowledged].filter((id) => !kept.has(id)).length;
        const waiting = async (): Promise<number> => (await primum.core.db.query<{ n: number }>("select count(*) as n from message where status = 'received'"))[0]!.n;
        let drained = false;
        // However many there are: as long as they become fewer, they are being applied.
        for (let [left, before] = [await waiting(), Infinity]; !drained && left < before; [left, before] = [await waiting(), left]) {
          drained = await Promise.race([primum.applied().then(() => true), sleep(stalledMs, false, { ref: false })]);
        }
        return [...(lost > 0 ? [`${lost} acknowledged messages are not in the database`] : []), ...(drained ? [] : ['what was accepted was not applied in time'])];
      },
      close: () => primum[Symbol.asyncDispose](),
    };
  };
}
