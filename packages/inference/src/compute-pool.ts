import { Worker } from 'node:worker_threads';
import { PrimumError } from '@primum/base';
import type { ComputeReply } from './compute-protocol.ts';

export type ComputePoolOptions = {
  /** Module that calls `answerRequests`. */
  entry: URL;
  /** Threads; 1 by default. */
  workers?: number;
  /** Calls that may wait; the next one is refused with `compute.overloaded`. */
  maxQueue?: number;
  /** From asking to answer; a thread that holds a call longer is ended. */
  timeoutMs?: number;
};

export type ComputePool<Request, Response> = AsyncDisposable & {
  /** Runs on the next free thread. Errors: what the thread threw, `compute.overloaded`, `compute.failed`. */
  call: (request: Request) => Promise<Response>;
  /**
   * Brings state into every thread, and into every thread that replaces one. A request that fails, or at which a
   * thread dies, is not repeated. Resolves with the first thread's answer once all have it.
   */
  setUp: (key: string, request: Request) => Promise<Response>;
  /** Takes state out again; `request` is what the threads do to drop it. */
  tearDown: (key: string, request: Request) => Promise<void>;
  close: () => Promise<void>;
};

type Job = {
  request: unknown;
  /** Set where the job sets a thread up. */
  key?: string;
  resolve: (value: unknown) => void;
  reject: (error: PrimumError) => void;
  timer?: NodeJS.Timeout;
};

/*
 * A member is one thread. It holds at most one job at a time, so a death concerns that job alone:
 *
 *     starting ── its set-ups are answered ──► idle ⇄ busy ── thread ends ──► waiting ── delay ──► starting
 *
 * `own` holds set-ups for this member; they go before the common queue. The delay is 0 after a first death and doubles
 * with each further death without an answer in between, up to MAX_RESTART_DELAY_MS.
 */
type Member = { worker: Worker | undefined; own: Job[]; job: Job | undefined; deaths: number; restart?: NodeJS.Timeout };

const MAX_RESTART_DELAY_MS = 5_000;

export function createComputePool<Request, Response>(options: ComputePoolOptions): ComputePool<Request, Response> {
  const { entry, workers = 1, maxQueue = 1_024, timeoutMs = 30_000 } = options;
  const queue: Job[] = [];
  const setUps = new Map<string, unknown>();
  let closed = false;
  const members: Member[] = Array.from({ length: workers }, () => ({ worker: undefined, own: [], job: undefined, deaths: 0 }));

  function start(member: Member): void {
    const worker = new Worker(entry);
    member.worker = worker;
    worker.on('message', (reply: ComputeReply) => settle(member, reply));
    worker.on('error', () => {}); // 'exit' follows and says the same
    worker.once('exit', () => bury(member, worker));
    for (const [key, request] of setUps) member.own.push({ request, key, resolve: () => {}, reject: () => {} });
    pump(member);
  }

  function pump(member: Member): void {
    if (member.job !== undefined || member.worker === undefined) return;
    const job = member.own.shift() ?? queue.shift();
    if (job === undefined) return;
    member.job = job;
    member.worker.postMessage(job.request);
  }

  function settle(member: Member, reply: ComputeReply): void {
    const { job } = member;
    member.job = undefined;
    member.deaths = 0;
    clearTimeout(job?.timer);
    if (reply.ok) job?.resolve(reply.value);
    else {
      if (job?.key !== undefined) setUps.delete(job.key);
      job?.reject(new PrimumError(reply.code, reply.detail));
    }
    pump(member);
  }

  function bury(member: Member, worker: Worker): void {
    if (member.worker !== worker) return;
    member.worker = undefined;
    const lost = [...(member.job === undefined ? [] : [member.job]), ...member.own];
    // What a thread died of must not kill its successor.
    if (member.job?.key !== undefined) setUps.delete(member.job.key);
    member.job = undefined;
    member.own = [];
    for (const job of lost) fail(job, new PrimumError('compute.failed', 'the thread ended'));
    if (closed) return;
    const delayMs = member.deaths === 0 ? 0 : Math.min(50 * 2 ** member.deaths, MAX_RESTART_DELAY_MS);
    member.deaths += 1;
    member.restart = setTimeout(() => start(member), delayMs);
  }

  function expire(job: Job): void {
    const holder = members.find((member) => member.job === job);
    const at = queue.indexOf(job);
    if (at >= 0) queue.splice(at, 1);
    fail(job, new PrimumError('compute.failed', `no answer within ${timeoutMs} ms`));
    void holder?.worker?.terminate(); // its exit starts another
  }

  function submit(member: Member | undefined, request: Request, key?: string): Promise<Response> {
    if (closed) return Promise.reject(new PrimumError('compute.failed', 'the pool is closed'));
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const job: Job = { request, resolve, reject, ...(key === undefined ? {} : { key }) };
    job.timer = setTimeout(() => expire(job), timeoutMs);
    if (member === undefined) {
      queue.push(job);
      for (const each of members) pump(each);
    } else {
      member.own.push(job);
      pump(member);
    }
    return promise as Promise<Response>; // the thread behind `entry` answers this pool's requests
  }

  async function close(): Promise<void> {
    closed = true;
    for (const job of queue.splice(0)) fail(job, new PrimumError('compute.failed', 'the pool was closed'));
    await Promise.all(
      members.map(async (member) => {
        clearTimeout(member.restart);
        await member.worker?.terminate();
      }),
    );
  }

  for (const member of members) start(member);
  return {
    call(request) {
      if (queue.length >= maxQueue) return Promise.reject(new PrimumError('compute.overloaded', `${maxQueue} calls are waiting`));
      return submit(undefined, request);
    },
    async setUp(key, request) {
      setUps.set(key, request);
      const waiting = members.map((member) =>
        // A member between two threads is set up when it starts again.
        member.worker === undefined ? undefined : submit(member, request, key),
      );
      try {
        const answers = await Promise.all(waiting.filter((answer) => answer !== undefined));
        return answers[0] ?? (await submit(undefined, request, key));
      } catch (error) {
        setUps.delete(key);
        throw error;
      }
    },
    async tearDown(key, request) {
      setUps.delete(key);
      await Promise.all(members.filter((member) => member.worker !== undefined).map((member) => submit(member, request)));
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function fail(job: Job, error: PrimumError): void {
  clearTimeout(job.timer);
  job.reject(error);
}
