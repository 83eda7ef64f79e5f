import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { buildAck, buildMessage, createMllpFramer, frameMllp, parseMessage, readHeader } from '@primum/formats';
import { describe, expect, it } from 'vitest';
import { createReliableSender } from './reliable-sender.ts';

type Verdict = 'accept' | 'drop-before' | 'drop-after' | 'retry' | 'refuse';

/** A receiver on a real socket that keeps each control id once and does with the nth message what `verdict` says. */
async function receiver(verdict: (nth: number) => Verdict): Promise<{ port: number; kept: string[]; close(): Promise<void> }> {
  const kept: string[] = [];
  let nth = 0;
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    const framer = createMllpFramer({ maxFrameBytes: 65_536 });
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket)).on('data', (chunk) => {
      for (const event of framer.push(chunk)) {
        if (event.kind !== 'frame' || socket.destroyed) continue;
        nth += 1;
        const parsed = parseMessage(event.bytes.toString());
        if (!parsed.ok) throw new Error('not a message');
        const header = readHeader(parsed.message);
        const is = verdict(nth);
        const answer = (error?: Parameters<typeof buildAck>[0]['error']): void => {
          socket.write(frameMllp(buildAck({ header, controlId: `A${nth}`, at: new Date(0), ...(error === undefined ? {} : { error }) })));
        };
        if (is === 'drop-before') socket.destroy();
        else if (is === 'retry') answer({ code: 'store.disk-full', detail: '' });
        else if (is === 'refuse') answer({ code: 'hl7.field-invalid', detail: '' });
        else {
          if (!kept.includes(header.controlId)) kept.push(header.controlId);
          if (is === 'drop-after') socket.destroy();
          else answer();
        }
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0, kept,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

const ids = ['M1', 'M2', 'M3', 'M4'];
const message = (id: string): string => buildMessage([['MSH', 'A', 'F', 'P', 'P', '20260101', '', ['ADT', 'A01'], id, 'P', '2.5.1'], ['PID', '1']]);

async function sendAll(verdict: (nth: number) => Verdict, pipelining: number): Promise<{ kept: string[]; codes: string[] }> {
  const { port, kept, close } = await receiver(verdict);
  const sender = createReliableSender({ host: '127.0.0.1', port, pipelining, signal: AbortSignal.timeout(20_000) });
  try {
    const answers = await Promise.all(ids.map((id) => sender.send(message(id))));
    return { kept, codes: answers.map((answer) => (answer.accepted ? 'accepted' : answer.code)) };
  } finally {
    await sender.close();
    await close();
  }
}

describe('reliable sender', () => {
  const faults = [1, 2, 3, 4].flatMap((nth) => (['drop-before', 'drop-after', 'retry'] as const).flatMap((fault) => [1, 4].map((pipelining) => ({ nth, fault, pipelining }))));

  it.each(faults)('gets every message kept although receipt $nth meets $fault ($pipelining unanswered)', async ({ nth, fault, pipelining }) => {
    const { kept, codes } = await sendAll((at) => (at === nth ? fault : 'accept'), pipelining);
    expect(codes).toEqual(ids.map(() => 'accepted'));
    expect([...kept].sort()).toEqual(ids);
    // One at a time keeps the order, and so does a lost connection, after which all that is unanswered is sent again.
    if (pipelining === 1 || fault !== 'retry') expect(kept).toEqual(ids);
  });

  it('takes a refusal as the answer, with its code, and goes on', async () => {
    const { kept, codes } = await sendAll((at) => (at === 2 ? 'refuse' : 'accept'), 1);
    expect(codes).toEqual(['accepted', 'hl7.field-invalid', 'accepted', 'accepted']);
    expect(kept).toEqual(['M1', 'M3', 'M4']);
  });

  it('stops asking when it is told to', async () => {
    const { port, close } = await receiver(() => 'retry');
    const stop = new AbortController();
    const sender = createReliableSender({ host: '127.0.0.1', port, signal: stop.signal });
    const sent = sender.send(message('M1'));
    setTimeout(() => stop.abort(), 150);
    await expect(sent).rejects.toThrow('abort');
    await sender.close();
    await close();
  });
});
