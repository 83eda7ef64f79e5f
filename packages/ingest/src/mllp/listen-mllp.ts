import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { errorFields, PrimumError, systemClock, type Clock, type Log } from '@primum/base';
import { demandTls, readTlsFiles, watchTlsFiles, type TlsFiles } from '@primum/trust';
import { serveConnection, type ConnectionLimits, type MllpConnection } from './serve-connection.ts';

export type MllpDeps = {
  /**
   * Keeps a frame's content and resolves with the acknowledgement to send, unframed: only when what it says is durable.
   * Calls of one connection overlap up to `maxInFlightPerConnection`; answers leave in the order of the frames.
   * It rejects only when it is not known whether the message was kept: then nothing is answered and the connection is
   * closed after the answers before it, so that the sender sends again.
   */
  accept(frame: Buffer, connection: { remote: string }): Promise<Buffer>;
  /** True at the bound of waiting messages: the listener stops reading until it is false again. */
  saturated?: () => boolean;
  log: Log;
  clock?: Clock;
  /** MSH-10 of the acknowledgements that the listener writes itself (at most 20 characters). */
  controlId?: () => string;
};

export type MllpOptions = {
  host: string;
  /** 0 takes a free one. */
  port: number;
  /** MLLP over TLS (IHE ITI TF-2: 3.19); with `clientCaFile` only peers whose certificate one of these vouches for. */
  tls?: TlsFiles;
  maxConnections?: number;
  /** Bytes of frames handed to `accept` and not answered yet, over all connections. */
  maxInFlightBytes?: number;
  /** How long `close` waits for answers and peers before it cuts connections. */
  closeTimeoutMs?: number;
} & Partial<ConnectionLimits>;

export type MllpListener = {
  readonly host: string;
  readonly port: number;
  readonly connections: number;
  /** Stops accepting, answers what is in flight, ends the connections. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

const saturationPollMs = 10;

/**
 * Listens for HL7 v2 over MLLP. Memory is bounded by maxConnections × 2 maxFrameBytes (frames that are arriving) plus
 * maxInFlightBytes and one frame a connection.
 * Errors: net.port-in-use; config.invalid when the address cannot be bound; net.plaintext-refused beyond this machine
 * without TLS; net.certificate-unusable.
 */
export async function listenMllp(deps: MllpDeps, options: MllpOptions): Promise<MllpListener> {
  const { host, port, maxConnections = 256, maxInFlightBytes = 64 * 1024 * 1024, closeTimeoutMs = 10_000 } = options;
  const limits: ConnectionLimits = {
    maxFrameBytes: options.maxFrameBytes ?? 1024 * 1024,
    maxInFlightPerConnection: options.maxInFlightPerConnection ?? 64,
    maxFaults: options.maxFaults ?? 10,
    idleTimeoutMs: options.idleTimeoutMs ?? 15 * 60_000,
    frameTimeoutMs: options.frameTimeoutMs ?? 60_000,
    lingerMs: options.lingerMs ?? 1000,
  };
  demandTls('MLLP', host, options.tls);
  const clock = deps.clock ?? systemClock;
  const connections = new Set<MllpConnection>();
  let inFlightBytes = 0;
  let poll: NodeJS.Timeout | undefined;

  const isFull = (): boolean => inFlightBytes >= maxInFlightBytes || (deps.saturated?.() ?? false);
  const pollUntilRoom = (): void => {
    poll ??= setInterval(() => {
      if (isFull()) return;
      clearInterval(poll);
      poll = undefined;
      for (const connection of connections) connection.pump();
    }, saturationPollMs);
  };
  const connectionDeps = {
    log: deps.log,
    now: () => clock.now(),
    controlId: deps.controlId ?? (() => randomBytes(10).toString('hex')),
    full: () => {
      const full = isFull();
      if (full) pollUntilRoom();
      return full;
    },
    accept: async (frame: Buffer, connection: { remote: string }): Promise<Buffer> => {
      inFlightBytes += frame.length;
      try {
        return await deps.accept(frame, connection);
      } finally {
        inFlightBytes -= frame.length;
      }
    },
  };

  const serve = (socket: Socket): void => {
    const connection = serveConnection(connectionDeps, limits, socket);
    connections.add(connection);
    socket.on('close', () => connections.delete(connection));
    connection.pump();
  };
  const { tls } = options;
  // Under TLS a peer that says close_notify takes no more answers (RFC 5246, 7.2.1), and Node leaves half-open ones behind.
  const secure = tls === undefined ? undefined
    : createTlsServer({ pauseOnConnect: true, ...readTlsFiles(tls), handshakeTimeout: 10_000, requestCert: tls.clientCaFile !== undefined, rejectUnauthorized: true }, serve);
  secure?.on('tlsClientError', (error, socket) => deps.log.warn('mllp.handshake-failed', { ...errorFields(error), address: socket.remoteAddress ?? '' }));
  const renewal = tls === undefined || secure === undefined ? undefined : watchTlsFiles(tls, (context) => secure.setSecureContext(context), { log: deps.log });
  const server = secure ?? createServer({ allowHalfOpen: true, pauseOnConnect: true }, serve);
  server.maxConnections = maxConnections;
  server.on('drop', (data) => deps.log.warn('mllp.connection-refused', { address: data?.remoteAddress ?? '', limit: maxConnections }));
  await bind(server, host, port);
  server.on('error', () => deps.log.error('mllp.listener-error', { port }));
  // A server on a host and port has an AddressInfo.
  const bound = (server.address() as AddressInfo).port;

  const closeOnce = async (): Promise<void> => {
    renewal?.close();
    const closed = once(server, 'close');
    server.close();
    const cut = setTimeout(() => connections.forEach((connection) => connection.destroy()), closeTimeoutMs);
    for (const connection of connections) connection.shutdown();
    await closed;
    clearTimeout(cut);
    clearInterval(poll);
  };
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= closeOnce());
  return {
    host,
    port: bound,
    get connections() {
      return connections.size;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function bind(server: Server, host: string, port: number): Promise<void> {
  try {
    const listening = once(server, 'listening');
    server.listen(port, host);
    await listening;
  } catch (cause) {
    const inUse = cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE';
    throw new PrimumError(inUse ? 'net.port-in-use' : 'config.invalid', `MLLP on ${host}:${port}`, { cause });
  }
}
