import { Worker } from 'node:worker_threads';

export type WorkerCrew<Message> = {
  entry: URL;
  /** Data of each worker; one worker per item. Shared memory is shared, the rest copied. */
  data: readonly unknown[];
  onMessage: (message: Message) => void;
  signal?: AbortSignal | undefined;
};

/**
 * Runs one worker thread per item of `data` and resolves when all have ended by themselves. The first failure, an
 * exit code other than 0 or an abort ends all of them and rejects.
 */
export async function runWorkers<Message>({ entry, data, onMessage, signal }: WorkerCrew<Message>): Promise<void> {
  signal?.throwIfAborted();
  const workers = data.map((workerData) => new Worker(entry, { workerData }));
  const abort = Promise.withResolvers<never>();
  const onAbort = (): void => abort.reject(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const ends = workers.map(
      (worker) =>
        new Promise<void>((resolve, reject) => {
          worker.on('message', (message: Message) => {
            try {
              onMessage(message);
            } catch (error) {
              reject(error);
            }
          });
          worker.once('error', reject);
          worker.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`worker exited with ${code}`))));
        }),
    );
    await Promise.race([Promise.all(ends), abort.promise]);
  } finally {
    signal?.removeEventListener('abort', onAbort);
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}
