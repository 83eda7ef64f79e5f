import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { connect } from 'node:net';
import { silentLog } from '@primum/base';
import { buildAck, component, createMllpFramer, decodeMessage, frameMllp, parseMessage, peekHeader, readHeader, repetitions } from '@primum/formats';
import { expect, test } from 'vitest';
import { connectMllp } from './connect-mllp.ts';
import { listenMllp } from './listen-mllp.ts';

const host = '127.0.0.1';
const streams = 10_000;
const peers = 16;
const at = new Date('2024-03-01T12:00:00Z');

/** Marsaglia's xorshift32, so that a stream that breaks something can be made again from its number. */
function randomOf(seed: number): (below: number) => number {
  let state = (seed * 2_654_435_761 + 1) >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % below;
  };
}

const valid = frameMllp('MSH|^~\\&|MON|ICU|PRIMUM|ICU|20240301120000||ORU^R01|F1|P|2.5.1||||||UNICODE UTF-8\rPID|1||7^^^H~8||M\\T\\\\XC3A9\\\\.br\\\rOBX|1|NM|8867-4^HR^LN||80\r');
const pieces = [valid, Buffer.from([0x0b]), Buffer.from([0x1c, 0x0d]), Buffer.from([0x1c]), Buffer.from([0x0d]), Buffer.from([0xef, 0xbb, 0xbf]),
  Buffer.from('MSH|^~\\&|'), Buffer.from('MSH'), Buffer.from('\rPID|'), Buffer.from('\\X'), Buffer.from('|||||||||||||||||'), Buffer.from('GET / HTTP/1.1\r\n')];

/** Random bytes, fragments that mean something, and messages with a few bytes changed, cut out or said twice. */
function streamOf(seed: number): Buffer {
  const random = randomOf(seed);
  const parts: Buffer[] = [];
  for (let count = random(12) + 1; count > 0; count -= 1) {
    const kind = random(4);
    if (kind === 0) parts.push(Buffer.from(Array.from({ length: random(60) }, () => random(256))));
    else if (kind === 1) parts.push(pieces[random(pieces.length)] ?? valid);
    else if (kind === 2) parts.push(valid);
    else {
      const mutated = Buffer.from(valid);
      for (let changes = random(4) + 1; changes > 0; changes -= 1) mutated[random(mutated.length)] = random(256);
      parts.push(mutated.subarray(random(20), mutated.length - random(20)));
    }
  }
  return Buffer.concat(parts);
}

/** What an acceptance does with a frame, as far as bytes alone decide it. */
function answer(frame: Buffer): Buffer {
  const decoded = decodeMessage(frame);
  const parsed = decoded.ok ? parseMessage(decoded.text, { charset: decoded.charset }) : decoded;
  if (parsed.ok) {
    for (const segment of parsed.message.segments) {
      segment.fields.forEach((_, number) => {
        component(segment, number, { comp: 2, sub: 2 });
        repetitions(segment, number);
      });
    }
  }
  const header = parsed.ok ? readHeader(parsed.message) : peekHeader(frame);
  return Buffer.from(buildAck({ header, controlId: 'A', at, ...(parsed.ok ? {} : { error: parsed.problem }) }));
}

/** Sends a stream in random pieces, ends, and counts the acknowledgements; each must be one that a sender can read. */
function play(port: number, seed: number): Promise<number> {
  const random = randomOf(seed + streams);
  const stream = streamOf(seed);
  return new Promise((resolve, reject) => {
    let acks = 0;
    const framer = createMllpFramer({ maxFrameBytes: 100_000 });
    const socket = connect({ host, port, noDelay: true }, () => {
      for (let from = 0; from < stream.length;) {
        const size = random(200) + 1;
        socket.write(stream.subarray(from, from + size));
        from += size;
      }
      socket.end();
    });
    socket.on('data', (chunk) => {
      for (const event of framer.push(chunk)) {
        const parsed = event.kind === 'frame' ? parseMessage(event.bytes.toString()) : undefined;
        if (parsed?.ok !== true || parsed.message.segments[1]?.name !== 'MSA') reject(new Error(`stream ${seed}: not an acknowledgement`));
        acks += 1;
      }
    });
    socket.on('error', (error) => reject(new Error(`stream ${seed}`, { cause: error })));
    socket.on('close', () => resolve(acks));
  });
}

/** How many answers a stream is due: one for each frame, cut-off frame, oversize frame and run of stray bytes. */
function due(seed: number, maxFrameBytes: number): number {
  const framer = createMllpFramer({ maxFrameBytes });
  return [...framer.push(streamOf(seed)), ...framer.end()].filter((event) => event.kind !== 'padding').length;
}

/** What is held, not what was not collected yet. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
}

test(`${streams} random streams: every one is answered as it should be, and memory stays bounded`, async () => {
  const maxFrameBytes = 400;
  await using listener = await listenMllp({ accept: (frame) => Promise.resolve(answer(frame)), log: silentLog }, { host, port: 0, maxFrameBytes, maxFaults: 1000, lingerMs: 200 });
  let next = 0;
  const work = async (to: number): Promise<void> => {
    while (next < to) {
      const seed = next;
      next += 1;
      expect({ seed, acks: await play(listener.port, seed) }).toEqual({ seed, acks: due(seed, maxFrameBytes) });
    }
  };
  const run = async (to: number): Promise<number> => {
    await Promise.all(Array.from({ length: peers }, () => work(to)));
    collectGarbage();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const early = await run(streams / 10);
  const late = await run(streams);
  // What 9,000 further streams leave behind was garbage: 4 KB a stream would be 36 MB.
  expect(late - early).toBeLessThan(20_000_000);
  expect(listener.connections).toBeLessThanOrEqual(peers);

  const client = await connectMllp({ host, port: listener.port });
  const alive = await client.send('MSH|^~\\&|MON|ICU|PRIMUM|ICU|20240301120000||ORU^R01|LAST|P|2.5.1\r');
  expect(alive.toString()).toContain('MSA|AA|LAST');
  await client.close();
});
