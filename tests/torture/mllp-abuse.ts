/**
 * Peers that abuse the MLLP listener, all at once: thousands of connections, one that never reads its answers, one that
 * sends megabytes without an end, one that sends a byte now and then. Memory and sockets stay bounded, and a sender who
 * was there is answered throughout.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { frameMllp } from '@primum/formats';
import { connectMllp } from '@primum/ingest';
import { benchSource } from '../../bench/support/ward-messages.ts';
import { bootForTest } from '../support/booted.ts';
import type { Torture } from './main.ts';

const endlessChunk = Buffer.alloc(1024 * 1024, 0x41);
const mostRssGrowthMb = 400;

const messageOf = (id: string): string =>
  `MSH|^~\\&|${benchSource.application}|${benchSource.facility}|PRIMUM|PRIMUM|20260101120000||ADT^A01^ADT_A01|${id}|P|2.5.1\rEVN|A01|20260101120000\rPID|1||AB7^^^${benchSource.facility}^MR||Abuse^A\rPV1|1|I|ICU^ICU^1\r`;

async function opened(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => undefined);
  await Promise.race([once(socket, 'connect').catch(() => undefined), sleep(5_000, undefined, { ref: false })]);
  return socket;
}

/** Writes as fast as the listener takes it, until all is written or the listener lets go. */
async function pour(socket: Socket, chunk: Buffer, times: number, until: number): Promise<number> {
  let written = 0;
  for (; written < times && !socket.destroyed && Date.now() < until; written += 1) {
    socket.write(chunk);
    while (socket.writableNeedDrain && !socket.destroyed && Date.now() < until) await sleep(2);
  }
  return written;
}

export const runMllpAbuse: Torture = async (options) => {
  const connections = Number(options['connections'] ?? 10_000);
  const megabytes = Number(options['megabytes'] ?? 100);
  const until = Date.now() + 1_000 * Number(options['seconds'] ?? 30);
  await using primum = await bootForTest({ ownDatabase: true });
  const port = primum.mllpPort;
  const rss = (): number => process.memoryUsage.rss() / 1_048_576;
  const before = rss();
  let peak = before;
  const abusers = new Set<Socket>();
  const sampling = setInterval(() => { peak = Math.max(peak, rss()); }, 100);

  await using good = await connectMllp({ host: '127.0.0.1', port, timeoutMs: 20_000 });
  let served = 0;
  let slowestMs = 0;
  let abusing = true;
  const serving = (async () => {
    while (abusing) {
      const begun = performance.now();
      await good.send(messageOf(`GOOD-${served}`));
      slowestMs = Math.max(slowestMs, performance.now() - begun);
      served += 1;
      await sleep(20);
    }
  })();

  const deaf = await opened(port);
  const endless = await opened(port);
  const slow = await opened(port);
  for (const socket of [deaf, endless, slow]) abusers.add(socket);
  deaf.pause();
  endless.resume();
  const dripping = setInterval(() => void (slow.destroyed || slow.write('A')), 1_000);
  slow.write('\x0bMSH|');
  endless.write('\x0b');
  const crowd = (async () => {
    for (let count = 0; count < connections && Date.now() < until; count += 100) {
      await Promise.all(Array.from({ length: Math.min(100, connections - count) }, async () => void abusers.add(await opened(port))));
    }
  })();
  const [endlessWritten, deafWritten] = await Promise.all([
    pour(endless, endlessChunk, megabytes, until), pour(deaf, frameMllp(`MSH|^~\\&|X|Y|Z|Z|20260101||ADT^A01|DEAF|P|2.5.1\r`), 200_000, until), crowd,
  ]);
  // A refused connection looks open to its peer until the refusal has come.
  await sleep(1_000);
  const heldOpen = [...abusers].filter((socket) => socket.readyState === 'open').length;
  abusing = false;
  await serving;
  clearInterval(dripping);
  clearInterval(sampling);
  const opens = abusers.size;
  for (const socket of abusers) socket.destroy();
  // The places are free again.
  await sleep(500);
  await using after = await connectMllp({ host: '127.0.0.1', port, timeoutMs: 20_000 });
  await after.send(messageOf('AFTER'));
  return {
    connections: opens, held_open: heldOpen, served_meanwhile: served, slowest_ms: Math.round(slowestMs), endless_mb: endlessWritten, deaf_frames: deafWritten,
    rss_before_mb: Math.round(before), peak_rss_mb: Math.round(peak), passed: served > 0 && slowestMs < 5_000 && peak - before < mostRssGrowthMb && heldOpen < 256,
  };
};
