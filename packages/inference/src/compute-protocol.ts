import { parentPort, type Transferable } from 'node:worker_threads';
import { PrimumError } from '@primum/base';

/** What a computing thread answers: one reply per request, in order. */
export type ComputeReply =
  | { ok: true; value: unknown }
  | { ok: false; code: PrimumError['code']; detail: string | undefined };

/** A result and the buffers in it that move to the asking thread instead of being copied. */
export type Computed<Response> = { value: Response; transfer?: Transferable[] };

/** The thread's side of a compute pool: answers requests one by one until the pool ends the thread. */
export function answerRequests<Request, Response>(compute: (request: Request) => Promise<Computed<Response>>): void {
  const port = parentPort;
  if (port === null) throw new PrimumError('internal.bug', 'a computing thread was started as a main program');
  port.on('message', (request: Request) => {
    void compute(request).then(
      ({ value, transfer }) => port.postMessage({ ok: true, value } satisfies ComputeReply, transfer),
      (error: unknown) => port.postMessage(failure(error)),
    );
  });
}

/** Foreign errors travel without their text, which might quote what was computed on. */
function failure(error: unknown): ComputeReply {
  if (error instanceof PrimumError) return { ok: false, code: error.code, detail: error.detail };
  return { ok: false, code: 'internal.bug', detail: error instanceof Error ? error.name : 'not an error' };
}
