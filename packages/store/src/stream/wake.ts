/** Something to wait for that remembers a call that came too early; one waiter. */
export type Wake = { wake(): void; wait(timeoutMs: number, signal?: AbortSignal): Promise<void> };

export function createWake(): Wake {
  let pending = false;
  let release: (() => void) | undefined;
  return {
    wake: () => {
      pending = true;
      release?.();
    },
    wait: async (timeoutMs, signal) => {
      if (!pending && signal?.aborted !== true) {
        await new Promise<void>((resolve) => {
          // However it ends, the listener goes: one that stayed for each wait would slow down a server that runs for weeks.
          const end = (): void => {
            clearTimeout(timer);
            signal?.removeEventListener('abort', end);
            resolve();
          };
          const timer = setTimeout(end, timeoutMs);
          release = end;
          signal?.addEventListener('abort', end, { once: true });
        });
      }
      release = undefined;
      pending = false;
    },
  };
}
