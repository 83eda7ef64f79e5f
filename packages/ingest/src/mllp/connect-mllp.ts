import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { PrimumError } from '@primum/base';
import { createMllpFramer, frameMllp, type FrameEvent } from '@primum/formats';

export type MllpClientOptions = {
  host: string;
  port: number;
  /** Messages sent and not yet answered; 1 is what the standard's blocking mode asks. */
  pipelining?: number;
  /** Messages that may wait for their turn. */
  maxWaiting?: number;
  /** From sending a message to its answer; also for connecting. */
  timeoutMs?: number;
  maxFrameBytes?: number;
  /** Ends the connection at once; what is unanswered fails with net.connection-lost. */
  signal?: AbortSignal;
  /** MLLP over TLS: PEM of who vouches for the listener, the name that its certificate must have, and one's own pair. */
  tls?: { ca: string | Buffer; servername?: string; cert?: string | Buffer; key?: string | Buffer };
};

export type MllpClient = {
  /**
   * Sends a message (unframed) and resolves with its answer (unframed). Answers belong to messages by their order.
   * Errors: net.connection-lost, net.timeout (which closes the connection, as later answers would be ambiguous),
   * api.request-invalid when `maxWaiting` wait. Whether an unanswered message was kept is not known: send it again.
   */
  send(message: Buffer | string): Promise<Buffer>;
  /** Resolves when the connection is gone, for whatever reason. */
  readonly closed: Promise<void>;
  /** Takes no more, waits for the answers that are due, ends. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

const endMs = 2_000;

type Pending = { framed: Buffer; deadlineMs: number; resolve(answer: Buffer): void; reject(error: PrimumError): void };

/** Connects to an MLLP listener. Reconnecting is the caller's. Errors: net.connect-failed. */
export async function connectMllp(options: MllpClientOptions): Promise<MllpClient> {
  const { host, port, pipelining = 1, maxWaiting = 10_000, timeoutMs = 30_000, maxFrameBytes = 1024 * 1024 } = options;
  const { tls, signal } = options;
  const to = { host, port, noDelay: true, keepAlive: true };
  const socket = tls === undefined ? connect(to) : connectTls({ ...to, ...tls, minVersion: 'TLSv1.2' });
  try {
    await once(socket, tls === undefined ? 'connect' : 'secureConnect', { signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal === undefined ? [] : [signal])]) });
  } catch (cause) {
    socket.on('error', () => undefined).destroy();
    throw new PrimumError('net.connect-failed', `${host}:${port}`, { cause });
  }

  const framer = createMllpFramer({ maxFrameBytes });
  const inFlight: Pending[] = [];
  const waiting: Pending[] = [];
  let lost: PrimumError | undefined;
  let closing = false;
  let timer: NodeJS.Timeout | undefined;
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));

  const fail = (error: PrimumError): void => {
    lost ??= error;
    clearTimeout(timer);
    for (const pending of [...inFlight.splice(0), ...waiting.splice(0)]) pending.reject(lost);
    socket.destroy();
  };
  const watch = (): void => {
    timer ??= setTimeout(() => {
      timer = undefined;
      const head = inFlight[0];
      if (head === undefined) return;
      if (head.deadlineMs <= performance.now()) fail(new PrimumError('net.timeout', `${host}:${port}`));
      else watch();
    }, Math.max(1, Math.ceil((inFlight[0]?.deadlineMs ?? 0) - performance.now())));
  };
  const pump = (): void => {
    while (inFlight.length < pipelining) {
      const pending = waiting.shift();
      if (pending === undefined) break;
      pending.deadlineMs = performance.now() + timeoutMs;
      inFlight.push(pending);
      socket.write(pending.framed);
    }
    if (inFlight.length > 0) watch();
    else if (closing && !socket.writableEnded) {
      socket.end();
      // A peer that never ends its side must not hold ours.
      setTimeout(() => socket.destroy(), endMs).unref();
    }
  };
  const answer = (event: FrameEvent): void => {
    if (event.kind === 'frame') inFlight.shift()?.resolve(event.bytes);
    else if (event.kind !== 'padding') fail(new PrimumError('net.connection-lost', `${host}:${port} answered with bytes that are no frame`));
  };

  socket.on('data', (chunk) => {
    framer.push(chunk).forEach(answer);
    if (lost === undefined) pump();
  });
  socket.on('error', (cause) => fail(new PrimumError('net.connection-lost', `${host}:${port}`, { cause })));
  socket.on('end', () => fail(new PrimumError('net.connection-lost', `${host}:${port} ended the connection`)));
  const stop = (): void => fail(new PrimumError('net.connection-lost', 'this client was stopped'));
  signal?.addEventListener('abort', stop, { once: true });
  socket.on('close', () => {
    signal?.removeEventListener('abort', stop);
    fail(new PrimumError('net.connection-lost', `${host}:${port}`));
  });

  const close = async (): Promise<void> => {
    closing = true;
    if (lost === undefined) pump();
    await closed;
  };
  return {
    send(message) {
      if (lost !== undefined) return Promise.reject(lost);
      if (closing) return Promise.reject(new PrimumError('net.connection-lost', 'this client was closed'));
      if (waiting.length >= maxWaiting) return Promise.reject(new PrimumError('api.request-invalid', `${maxWaiting} messages wait already`));
      return new Promise((resolve, reject) => {
        waiting.push({ framed: frameMllp(message), deadlineMs: 0, resolve, reject });
        pump();
      });
    },
    closed,
    close,
    [Symbol.asyncDispose]: close,
  };
}
