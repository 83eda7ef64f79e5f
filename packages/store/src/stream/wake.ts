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
          const timer = setTimeout(resolve, timeoutMs);
          release = () => {
            clearTimeout(timer);
            signal?.removeEventListener('abort', resolveNow);
            resolve();
          };
          const resolveNow = release;
          signal?.addEventListener('abort', resolveNow, { once: true });
        });
      }
      release = undefined;
      pending = false;
    },
  };
}
