import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLog, manualClock, type Log } from '@primum/base';
import { buildAck, component, createMllpFramer, frameMllp, parseMessage, peekHeader, segmentNamed } from '@primum/formats';
import { afterEach, describe, expect, test } from 'vitest';
import { connectMllp } from './connect-mllp.ts';
import { listenMllp, type MllpDeps, type MllpListener, type MllpOptions } from './listen-mllp.ts';

const host = '127.0.0.1';
const at = new Date('2024-03-01T12:00:00Z');
const messageOf = (controlId: string, rest = ''): string => `MSH|^~\\&|MON|ICU|PRIMUM|ICU|20240301120000||ORU^R01|${controlId}|P|2.5.1\rPID|1||7${rest}\r`;
const ackOf = (frame: Buffer): Buffer => Buffer.from(buildAck({ header: peekHeader(frame), controlId: 'A', at }));
const idOf = (frame: Buffer): string => peekHeader(frame)?.controlId ?? '';
/** MSA-1, MSA-2 and ERR-5 of an acknowledgement. */
const said = (ack: Buffer): string => {
  const parsed = parseMessage(ack.toString());
  if (!parsed.ok) return parsed.problem.code;
  const part = (name: string, number: number): string => {
    const segment = segmentNamed(parsed.message, name);
    return segment === undefined ? '' : component(segment, number);
  };
  return [part('MSA', 1), part('MSA', 2), part('ERR', 5)].join(' ').trim();
};

const cleanups: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

type Bench = { listener: MllpListener; events: string[] };
async function listen(accept: MllpDeps['accept'], options: Partial<MllpOptions> = {}, extra: Partial<MllpDeps> = {}): Promise<Bench> {
  const events: string[] = [];
  // Each line is one JSON object that `createLog` wrote.
  const log: Log = createLog((line) => events.push((JSON.parse(line) as { event: string }).event));
  const listener = await listenMllp({ accept, log, clock: manualClock(at), ...extra }, { host, port: 0, lingerMs: 200, closeTimeoutMs: 2000, ...options });
  cleanups.push(() => listener.close());
  return { listener, events };
}

/** A peer that does as it likes with bytes. */
async function rawPeer(port: number): Promise<{ socket: Socket; answers: string[]; closed: Promise<unknown> }> {
  const socket = connect({ host, port, noDelay: true, allowHalfOpen: true });
  await once(socket, 'connect');
  const framer = createMllpFramer({ maxFrameBytes: 1_000_000 });
  const answers: string[] = [];
  socket.on('data', (chunk) => {
    for (const event of framer.push(chunk)) answers.push(event.kind === 'frame' ? said(event.bytes) : event.kind);
  });
  socket.on('end', () => socket.end());
  socket.on('error', () => undefined);
  const closed = once(socket, 'close');
  cleanups.push(() => {
    socket.destroy();
  });
  return { socket, answers, closed };
}

async function until(condition: () => boolean, whatMs = 5000): Promise<void> {
  const deadline = performance.now() + whatMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('did not come about in time');
    await sleep(2);
  }
}
/** A gate per message: `open(id)` lets its acceptance finish. */
function gates() {
  const waiting = new Map<string, () => void>();
  const seen: string[] = [];
  return {
    seen,
    waiting,
    accept: (frame: Buffer): Promise<Buffer> => new Promise((resolve) => {
      seen.push(idOf(frame));
      waiting.set(idOf(frame), () => {
        waiting.delete(idOf(frame));
        resolve(ackOf(frame));
      });
    }),
    open: (id: string) => waiting.get(id)?.(),
    openAll: () => Array.from(waiting.values()).forEach((open) => open()),
  };
}

describe('frames over a socket', () => {
  test('200 messages in writes of 1,000 bytes: 200 calls, 200 answers, in order', async () => {
    const seen: string[] = [];
    const { listener } = await listen(async (frame) => {
      seen.push(idOf(frame));
      return ackOf(frame);
    });
    const peer = await rawPeer(listener.port);
    const ids = Array.from({ length: 200 }, (_, index) => `M${index}`);
    const stream = Buffer.concat(ids.map((id) => frameMllp(messageOf(id, 'x'.repeat(100)))));
    for (let from = 0; from < stream.length; from += 1000) peer.socket.write(stream.subarray(from, from + 1000));
    await until(() => peer.answers.length === 200);
    expect(seen).toEqual(ids);
    expect(peer.answers).toEqual(ids.map((id) => `AA ${id}`));
  });

  test('one byte at a time, and a peer that ends its side and still gets its answers', async () => {
    const { listener } = await listen(async (frame) => {
      await sleep(20);
      return ackOf(frame);
    });
    const peer = await rawPeer(listener.port);
    for (const byte of frameMllp(messageOf('M1'))) peer.socket.write(Buffer.from([byte]));
    peer.socket.write(frameMllp(messageOf('M2')));
    peer.socket.end();
    await peer.closed;
    expect(peer.answers).toEqual(['AA M1', 'AA M2']);
  });

  test('answers leave in order, whatever order they are ready in', async () => {
    const gate = gates();
    const { listener } = await listen(gate.accept);
    const peer = await rawPeer(listener.port);
    peer.socket.write(Buffer.concat(['M1', 'M2', 'M3'].map((id) => frameMllp(messageOf(id)))));
    await until(() => gate.waiting.size === 3);
    gate.open('M3');
    gate.open('M2');
    await sleep(30);
    expect(peer.answers).toEqual([]);
    gate.open('M1');
    await until(() => peer.answers.length === 3);
    expect(peer.answers).toEqual(['AA M1', 'AA M2', 'AA M3']);
  });
});

describe('bounds', () => {
  test('no more in flight on a connection than the limit', async () => {
    const gate = gates();
    const { listener } = await listen(gate.accept, { maxInFlightPerConnection: 4 });
    const peer = await rawPeer(listener.port);
    const ids = Array.from({ length: 50 }, (_, index) => `M${index}`);
    for (const id of ids) peer.socket.write(frameMllp(messageOf(id)));
    await until(() => gate.waiting.size === 4);
    await sleep(50);
    expect(gate.seen).toEqual(ids.slice(0, 4));
    while (peer.answers.length < 50) {
      gate.openAll();
      expect(gate.waiting.size).toBeLessThanOrEqual(4);
      await sleep(1);
    }
    expect(peer.answers).toEqual(ids.map((id) => `AA ${id}`));
  });

  test('a saturated listener stops reading, so that the sender is held back, and loses nothing', async () => {
    let saturated = false;
    let accepted = 0;
    const { listener } = await listen(async (frame) => {
      accepted += 1;
      if (accepted === 10) saturated = true;
      return ackOf(frame);
    }, { idleTimeoutMs: 60, frameTimeoutMs: 60 }, { saturated: () => saturated });
    const peer = await rawPeer(listener.port);
    const frame = frameMllp(messageOf('M', 'x'.repeat(20_000)));
    for (let count = 0; count < 2000; count += 1) peer.socket.write(frame);
    await until(() => saturated);
    await sleep(200);
    // The 40 MB do not fit into the sockets' buffers: what the listener does not read, the peer cannot write.
    expect(accepted).toBe(10);
    expect(peer.socket.writableLength).toBeGreaterThan(10_000_000);
    expect(peer.socket.destroyed).toBe(false);
    saturated = false;
    accepted = 11;
    await until(() => peer.answers.length === 2000, 15_000);
    expect(new Set(peer.answers)).toEqual(new Set(['AA M']));
  });

  test('bytes in flight are bounded over all connections', async () => {
    const gate = gates();
    const { listener } = await listen(gate.accept, { maxInFlightBytes: 30_000 });
    const peers = await Promise.all([rawPeer(listener.port), rawPeer(listener.port)]);
    peers.forEach(({ socket }, peer) => {
      for (let count = 0; count < 5; count += 1) socket.write(frameMllp(messageOf(`P${peer}M${count}`, 'x'.repeat(20_000))));
    });
    await until(() => gate.waiting.size === 2);
    await sleep(50);
    expect(gate.waiting.size).toBe(2);
    while (peers.some(({ answers }) => answers.length < 5)) {
      gate.openAll();
      await sleep(5);
      expect(gate.waiting.size).toBeLessThanOrEqual(2);
    }
  });

  test('a peer that does not read its answers is not served further, and is served when it does', async () => {
    let accepted = 0;
    const big = Buffer.from(`${buildAck({ header: undefined, controlId: 'A', at })}ZZZ|${'x'.repeat(200_000)}\r`);
    const { listener } = await listen(async () => {
      accepted += 1;
      return big;
    }, { maxInFlightPerConnection: 4 });
    const peer = await rawPeer(listener.port);
    peer.socket.pause();
    // In one write, so that what one chunk completes is held back too.
    peer.socket.write(Buffer.concat(Array.from({ length: 400 }, (_, count) => frameMllp(messageOf(`M${count}`)))));
    await until(() => accepted > 4);
    let before = -1;
    await until(() => {
      const still = before === accepted;
      before = accepted;
      return still;
    });
    await sleep(100);
    expect(accepted).toBe(before);
    expect(accepted).toBeLessThan(200);
    peer.socket.resume();
    await until(() => peer.answers.length === 400, 15_000);
    expect(accepted).toBe(400);
  });

  test('a peer that never reads its answers is cut after the idle timeout', async () => {
    const big = Buffer.alloc(500_000, 0x41);
    const { listener } = await listen(async () => big, { idleTimeoutMs: 100, maxInFlightPerConnection: 4 });
    const peer = await rawPeer(listener.port);
    peer.socket.pause();
    for (let count = 0; count < 50; count += 1) peer.socket.write(frameMllp(messageOf(`M${count}`)));
    await until(() => listener.connections === 1);
    await until(() => listener.connections === 0);
    expect(peer.answers).toEqual([]);
  });

  test('silence ends a connection; a slow answer of ours does not', async () => {
    const gate = gates();
    const { listener, events } = await listen(gate.accept, { idleTimeoutMs: 60, frameTimeoutMs: 60 });
    const silent = await rawPeer(listener.port);
    const stalled = await rawPeer(listener.port);
    const waiting = await rawPeer(listener.port);
    stalled.socket.write('\x0bMSH|^~');
    waiting.socket.write(frameMllp(messageOf('M1')));
    await Promise.all([silent.closed, stalled.closed]);
    await sleep(150);
    expect(waiting.socket.destroyed).toBe(false);
    gate.open('M1');
    waiting.socket.write(frameMllp(messageOf('M2')));
    await until(() => gate.waiting.has('M2'));
    gate.open('M2');
    await waiting.closed;
    expect(waiting.answers).toEqual(['AA M1', 'AA M2']);
    expect(events.toSorted()).toEqual(['mllp.frame-stalled', 'mllp.idle', 'mllp.idle']);
  });

  test('a frame of a byte now and then is refused in bounded time; a slow one that comes is not', async () => {
    const { listener, events } = await listen(async (frame) => ackOf(frame), { frameTimeoutMs: 60 });
    const [dripping, slow] = [await rawPeer(listener.port), await rawPeer(listener.port)];
    const long = frameMllp(Buffer.from(`${messageOf('M9').toString()}${'NTE|1|L|of many words\r'.repeat(40)}`));
    const step = Math.ceil(long.length / 15);
    dripping.socket.write('\x0b');
    for (let turn = 0; turn < 15; turn += 1) {
      if (!dripping.socket.destroyed) dripping.socket.write('M');
      slow.socket.write(long.subarray(turn * step, (turn + 1) * step));
      await sleep(10);
    }
    await Promise.all([dripping.closed, until(() => slow.answers.length === 1)]);
    expect({ slow: slow.answers, cut: dripping.answers.length, events }).toEqual({ slow: ['AA M9'], cut: 1, events: ['mllp.frame-stalled', 'mllp.frame-refused'] });
    slow.socket.end();
  });

  test('connections beyond the limit are refused; the others go on', async () => {
    const { listener, events } = await listen(async (frame) => ackOf(frame), { maxConnections: 2 });
    const [first, second] = [await rawPeer(listener.port), await rawPeer(listener.port)];
    await until(() => listener.connections === 2);
    const third = await rawPeer(listener.port);
    await third.closed;
    for (const peer of [first, second]) peer.socket.write(frameMllp(messageOf('M')));
    await until(() => first.answers.length + second.answers.length === 2);
    expect(events).toContain('mllp.connection-refused');
  });
});

describe('what is no frame', () => {
  test('cut off, oversize and stray are rejected with their code, in order, and the connection goes on', async () => {
    const { listener } = await listen(async (frame) => ackOf(frame), { maxFrameBytes: 1000 });
    const peer = await rawPeer(listener.port);
    peer.socket.write(Buffer.concat([
      Buffer.from(`\x0b${messageOf('CUT')}`), frameMllp(messageOf('M1')), frameMllp(messageOf('BIG', 'x'.repeat(2000))),
      Buffer.from('lost its start\x1c\r'), frameMllp(messageOf('M2')), Buffer.from('\r\n'), frameMllp(messageOf('M3')),
    ]));
    await until(() => peer.answers.length >= 6);
    expect(peer.answers).toEqual([
      'AR CUT hl7.frame-malformed', 'AA M1', 'AR BIG hl7.frame-oversize', 'AR  hl7.frame-malformed', 'AA M2', 'AA M3',
    ]);
  });

  test('only garbage is answered once a run and closed after the limit', async () => {
    const { listener, events } = await listen(async (frame) => ackOf(frame), { maxFaults: 3 });
    const peer = await rawPeer(listener.port);
    for (let count = 0; count < 3; count += 1) {
      peer.socket.write('GET / HTTP/1.1\r\n\r\n');
      await sleep(20);
    }
    await peer.closed;
    expect(peer.answers).toEqual(['AR  hl7.frame-malformed']);
    expect(events).toContain('mllp.closed-for-faults');
  });

  test('good frames between them forgive the faults', async () => {
    const { listener } = await listen(async (frame) => ackOf(frame), { maxFaults: 2 });
    const peer = await rawPeer(listener.port);
    for (let count = 0; count < 5; count += 1) peer.socket.write(Buffer.concat([Buffer.from('x'), frameMllp(messageOf(`M${count}`))]));
    await until(() => peer.answers.length === 10);
    expect(peer.answers.at(-1)).toBe('AA M4');
  });

  test('a frame that the peer ends in is rejected by name', async () => {
    const { listener } = await listen(async (frame) => ackOf(frame));
    const peer = await rawPeer(listener.port);
    peer.socket.end(`\x0b${messageOf('HALF')}`);
    await peer.closed;
    expect(peer.answers).toEqual(['AR HALF hl7.frame-malformed']);
  });
});

describe('faults', () => {
  test('an acceptance that rejects is not answered: those before it are, then the connection closes', async () => {
    const gate = gates();
    const { listener, events } = await listen((frame) => (idOf(frame) === 'M2' ? Promise.reject(new Error('disk')) : gate.accept(frame)));
    const peer = await rawPeer(listener.port);
    peer.socket.write(Buffer.concat(['M1', 'M2', 'M3'].map((id) => frameMllp(messageOf(id)))));
    await until(() => events.includes('mllp.accept-failed'));
    await sleep(30);
    expect(peer.socket.destroyed).toBe(false);
    for (const id of ['M1', 'M3']) gate.open(id);
    await peer.closed;
    expect(peer.answers).toEqual(['AA M1']);
  });

  test('a peer that resets with messages in flight harms nobody else', async () => {
    const gate = gates();
    const { listener } = await listen(gate.accept);
    const [rude, other] = [await rawPeer(listener.port), await rawPeer(listener.port)];
    rude.socket.write(frameMllp(messageOf('R1')));
    other.socket.write(frameMllp(messageOf('M1')));
    await until(() => gate.waiting.size === 2);
    rude.socket.resetAndDestroy();
    await until(() => listener.connections === 1);
    gate.open('R1');
    gate.open('M1');
    await until(() => other.answers.length === 1);
    expect(other.answers).toEqual(['AA M1']);
  });

  test('a port in use', async () => {
    const { listener } = await listen(async (frame) => ackOf(frame));
    await expect(listen(async (frame) => ackOf(frame), { port: listener.port })).rejects.toMatchObject({ code: 'net.port-in-use' });
    await expect(listen(async (frame) => ackOf(frame), { port: 65_536 })).rejects.toMatchObject({ code: 'config.invalid' });
  });

  test('close answers what is in flight, takes nothing new, and ends', async () => {
    const gate = gates();
    const { listener } = await listen(gate.accept, { maxInFlightPerConnection: 2 });
    const peer = await rawPeer(listener.port);
    peer.socket.write(Buffer.concat(['M1', 'M2', 'M3'].map((id) => frameMllp(messageOf(id)))));
    await until(() => gate.waiting.size === 2);
    const closing = listener.close();
    await expect(connectMllp({ host, port: listener.port })).rejects.toMatchObject({ code: 'net.connect-failed' });
    gate.open('M1');
    gate.open('M2');
    await closing;
    await peer.closed;
    expect(peer.answers).toEqual(['AA M1', 'AA M2']);
    expect(gate.seen).toEqual(['M1', 'M2']);
  });

  test('close does not overtake its last answers while the peer is still sending', async () => {
    const gate = gates();
    const { listener } = await listen(gate.accept, { maxInFlightPerConnection: 1 });
    const peer = await rawPeer(listener.port);
    peer.socket.pause();
    for (let count = 0; count < 200; count += 1) peer.socket.write(frameMllp(messageOf(`M${count}`, 'x'.repeat(50_000))));
    await until(() => gate.waiting.size === 1);
    const closing = listener.close();
    gate.open('M0');
    await sleep(50);
    peer.socket.resume();
    await Promise.all([closing, peer.closed]);
    expect(peer.answers).toEqual(['AA M0']);
  });

  test('close cuts a peer that keeps its acceptance waiting too long', async () => {
    const gate = gates();
    const { listener } = await listen(gate.accept, { closeTimeoutMs: 50 });
    const peer = await rawPeer(listener.port);
    peer.socket.write(frameMllp(messageOf('M1')));
    await until(() => gate.waiting.size === 1);
    await Promise.all([listener.close(), listener.close()]);
    await peer.closed;
    expect(peer.answers).toEqual([]);
  });
});

describe('client', () => {
  test.each([1, 16])('answers belong to their messages with %i in flight', async (pipelining) => {
    let inFlight = 0;
    let most = 0;
    const { listener } = await listen(async (frame) => {
      inFlight += 1;
      most = Math.max(most, inFlight);
      await sleep(1);
      inFlight -= 1;
      return ackOf(frame);
    });
    const client = await connectMllp({ host, port: listener.port, pipelining });
    const ids = Array.from({ length: 100 }, (_, index) => `M${index}`);
    const answers = Promise.all(ids.map((id) => client.send(messageOf(id))));
    // `close` lets what was sent be answered.
    await client.close();
    expect((await answers).map(said)).toEqual(ids.map((id) => `AA ${id}`));
    expect(most).toBeLessThanOrEqual(pipelining);
    expect(most).toBeGreaterThanOrEqual(Math.min(pipelining, 2));
    await expect(client.send(messageOf('late'))).rejects.toMatchObject({ code: 'net.connection-lost' });
  });

  test('no answer in time', async () => {
    const { listener } = await listen(() => new Promise(() => undefined), { closeTimeoutMs: 10 });
    const client = await connectMllp({ host, port: listener.port, timeoutMs: 50 });
    const sent = [client.send(messageOf('M1')), client.send(messageOf('M2'))];
    for (const one of sent) await expect(one).rejects.toMatchObject({ code: 'net.timeout' });
    await client.closed;
  });

  test('a listener that goes away', async () => {
    const { listener } = await listen(() => new Promise(() => undefined), { closeTimeoutMs: 10 });
    const client = await connectMllp({ host, port: listener.port });
    const sent = client.send(messageOf('M1'));
    void listener.close();
    await expect(sent).rejects.toMatchObject({ code: 'net.connection-lost' });
    await client.closed;
    await client.close();
  });

  test('too many waiting, and nobody there', async () => {
    const { listener } = await listen(() => new Promise(() => undefined), { closeTimeoutMs: 10 });
    const client = await connectMllp({ host, port: listener.port, maxWaiting: 1 });
    const sent = [client.send(messageOf('M1')), client.send(messageOf('M2'))].map((one) => one.catch((error: unknown) => error));
    await expect(client.send(messageOf('M3'))).rejects.toMatchObject({ code: 'api.request-invalid' });
    await listener.close();
    expect(await Promise.all(sent)).toMatchObject([{ code: 'net.connection-lost' }, { code: 'net.connection-lost' }]);
    await expect(connectMllp({ host, port: listener.port })).rejects.toMatchObject({ code: 'net.connect-failed' });
  });
});
