import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Asked, Told } from './served-primum.ts';

/** A Primum in a process of its own. */
export type PrimumProcess = { ask<T extends Told>(asked: Asked): Promise<T>; stop(): Promise<void> };

export function primumProcess(): PrimumProcess {
  const child: ChildProcess = fork(fileURLToPath(new URL('./served-primum.ts', import.meta.url)));
  const ended = once(child, 'exit').then(() => { throw new Error('the process of Primum ended'); });
  ended.catch(() => undefined);
  return {
    async ask<T extends Told>(asked: Asked): Promise<T> {
      child.send(asked);
      const [told] = await Promise.race([once(child, 'message'), ended]);
      return told as T; // the answer to what was asked
    },
    async stop() {
      if (child.exitCode !== null) return;
      child.send({ stop: true } satisfies Asked);
      await once(child, 'exit');
    },
  };
}
