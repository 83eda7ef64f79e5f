/**
 * Lets at most `running` works run at once and `waiting` wait for their turn; one more is refused at once.
 * Password hashing takes 19 MiB and 30 ms of a CPU each: unbounded, sign-ins could starve the ward's feed.
 */
export function createLimiter(bounds: { running: number; waiting: number }): <T>(work: () => Promise<T>) => Promise<T | 'refused'> {
  const queue: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    if (running >= bounds.running) {
      if (queue.length >= bounds.waiting) return 'refused';
      await new Promise<void>((resolve) => queue.push(resolve));
    } else {
      running += 1;
    }
    try {
      return await work();
    } finally {
      // The turn is handed on, not given up and taken again: nobody may slip in between.
      const next = queue.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}
