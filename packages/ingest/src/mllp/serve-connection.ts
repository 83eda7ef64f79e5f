import type { Socket } from 'node:net';
import { errorFields, type Log } from '@primum/base';
import { createMllpFramer, frameMllp, type FrameEvent } from '@primum/formats';
import { refuseFrame } from './refuse-frame.ts';

export type ConnectionDeps = {
  /** Keeps a frame and says what to answer; see `MllpDeps`. */
  accept(frame: Buffer, connection: { remote: string }): Promise<Buffer>;
  /** Whether no more may be taken in now; the listener calls `pump` again when that has changed. */
  full(): boolean;
  log: Log;
  now(): Date;
  controlId(): string;
};

export type ConnectionLimits = {
  maxFrameBytes: number;
  maxInFlightPerConnection: number;
  maxFaults: number;
  idleTimeoutMs: number;
  frameTimeoutMs: number;
  lingerMs: number;
};

/** Bytes a second that a frame may be this slow; a serial line of 9,600 baud carries 1,200. */
const slowestBytesPerS = 256;

export type MllpConnection = {
  /** Takes up what waits, as far as the limits allow, and reads on or stops reading. */
  pump(): void;
  /** Takes no more, answers what is in flight, ends. */
  shutdown(): void;
  destroy(): void;
};

/** A place in the order of answers; `reply` is undefined until it is known. */
type Slot = { reply?: Buffer; failed?: true };

/**
 * One peer. Bytes → framer → `backlog` (what one chunk completed) → `slots` (in flight, at most the limit) → answers in
 * the order of arrival. The socket is read only while the backlog is empty, a slot is free, the peer reads its answers
 * and the listener is not full; otherwise TCP's own window holds the sender back.
 *
 *   open ── peer ends ──► closing: backlog and slots are still answered
 *        ── shutdown, too many faults, accept rejected ──► closing: the backlog is dropped unanswered, slots answered
 *   closing ── last answer written ──► ended: our end is sent, what still comes is read and dropped for `lingerMs`
 *
 * Lingering matters: closing a socket with unread bytes sends a reset that can overtake the last acknowledgements.
 * A frame dropped unanswered is one that its sender has to send again, as after any lost connection.
 */
export function serveConnection(deps: ConnectionDeps, limits: ConnectionLimits, socket: Socket): MllpConnection {
  const remote = `${socket.remoteAddress ?? ''}:${socket.remotePort ?? ''}`;
  const framer = createMllpFramer({ maxFrameBytes: limits.maxFrameBytes });
  const slots: Slot[] = [];
  let backlog: FrameEvent[] = [];
  let next = 0;
  let state: 'open' | 'closing' | 'ended' = 'open';
  let peerReads = true;
  let pumping = false;
  let faults = 0;
  let inStrayRun = false;
  /** The frame under way: since when, without the time in which we did not read, and how much of it came. */
  let frame: { since: number; bytes: number } | undefined;
  let pausedSince: number | undefined;

  const waiting = (): boolean => next < backlog.length;
  const take = (events: FrameEvent[]): void => {
    backlog = waiting() ? [...backlog.slice(next), ...events] : events;
    next = 0;
    pump();
  };
  const stopTaking = (): void => {
    if (state === 'open') state = 'closing';
    backlog = [];
    next = 0;
  };

  const acceptInto = async (slot: Slot, frame: Buffer): Promise<void> => {
    try {
      slot.reply = await deps.accept(frame, { remote });
    } catch (error) {
      // Whether it was kept is not known: no answer, so that the sender sends it again.
      deps.log.error('mllp.accept-failed', { ...errorFields(error), address: remote });
      slot.failed = true;
      stopTaking();
    }
    flush();
    pump();
  };

  const refuse = (event: Exclude<FrameEvent, { kind: 'frame' | 'padding' }>): void => {
    faults += 1;
    const { code, ack } = refuseFrame(deps, event);
    deps.log.warn('mllp.frame-refused', { code, address: remote, count: event.kind === 'stray' ? event.count : 1 });
    // One answer for one run of stray bytes, however TCP cut it.
    if (event.kind !== 'stray' || !inStrayRun) slots.push({ reply: ack });
    if (faults >= limits.maxFaults) {
      deps.log.warn('mllp.closed-for-faults', { address: remote, limit: limits.maxFaults });
      stopTaking();
    }
  };

  const start = (event: FrameEvent): void => {
    if (event.kind === 'padding') return;
    if (event.kind === 'frame') {
      faults = 0;
      const slot: Slot = {};
      slots.push(slot);
      void acceptInto(slot, event.bytes);
    } else {
      refuse(event);
      flush();
    }
    inStrayRun = event.kind === 'stray';
  };

  const flush = (): void => {
    if (state === 'ended') return;
    socket.cork();
    for (let slot = slots[0]; slot !== undefined; slot = slots[0]) {
      if (slot.failed) {
        slots.length = 0;
        break;
      }
      if (slot.reply === undefined) break;
      slots.shift();
      if (!socket.write(frameMllp(slot.reply))) peerReads = false;
    }
    socket.uncork();
  };

  const pump = (): void => {
    if (pumping || state === 'ended') return;
    pumping = true;
    while (waiting() && slots.length < limits.maxInFlightPerConnection && peerReads && !deps.full()) {
      const event = backlog[next];
      next += 1;
      if (event !== undefined) start(event);
    }
    if (!waiting()) {
      backlog = [];
      next = 0;
    }
    pumping = false;
    if (state === 'closing' && !waiting() && slots.length === 0) end();
    else if (state === 'open' && !waiting() && slots.length < limits.maxInFlightPerConnection && peerReads && !deps.full()) {
      if (frame !== undefined && pausedSince !== undefined) frame.since += performance.now() - pausedSince;
      pausedSince = undefined;
      socket.resume();
    } else {
      pausedSince ??= performance.now();
      socket.pause();
    }
  };

  const end = (): void => {
    state = 'ended';
    socket.end();
    socket.resume();
    setTimeout(() => socket.destroy(), limits.lingerMs).unref();
  };

  /** A silent peer is ended; one that does not read its answers is cut; one that waits for us is let wait. */
  const onSilence = (): void => {
    if (!peerReads) socket.destroy();
    else if (slots.length > 0 || waiting() || socket.isPaused()) socket.setTimeout(limits.idleTimeoutMs);
    else {
      deps.log.info(framer.inFrame ? 'mllp.frame-stalled' : 'mllp.idle', { address: remote });
      stopTaking();
      pump();
    }
  };

  /** A frame that comes, but so slowly that it would hold its connection for ever. */
  const drips = ({ since, bytes }: { since: number; bytes: number }): boolean => performance.now() - since > limits.frameTimeoutMs + bytes / slowestBytesPerS * 1_000;

  socket.setNoDelay(true);
  socket.setKeepAlive(true, 60_000);
  socket.setTimeout(limits.idleTimeoutMs);
  socket.on('data', (chunk) => {
    if (state !== 'open') return;
    const events = framer.push(chunk);
    // What ended in this chunk was one frame, what is open now may be another.
    if (framer.inFrame !== (frame !== undefined)) socket.setTimeout(framer.inFrame ? limits.frameTimeoutMs : limits.idleTimeoutMs);
    if (!framer.inFrame) frame = undefined;
    else if (frame === undefined || events.length > 0) frame = { since: performance.now(), bytes: chunk.length };
    else frame.bytes += chunk.length;
    take(events);
    if (frame === undefined || !drips(frame)) return;
    deps.log.info('mllp.frame-stalled', { address: remote });
    state = 'closing';
    take(framer.end());
  });
  socket.on('end', () => {
    if (state !== 'open') return;
    state = 'closing';
    take(framer.end());
  });
  socket.on('drain', () => {
    peerReads = true;
    pump();
  });
  socket.on('timeout', onSilence);
  socket.on('error', (error) => deps.log.debug('mllp.connection-error', { ...errorFields(error), address: remote }));
  socket.on('close', () => {
    stopTaking();
    state = 'ended';
  });

  return {
    pump,
    shutdown: () => {
      stopTaking();
      pump();
    },
    destroy: () => socket.destroy(),
  };
}
