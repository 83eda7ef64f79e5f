import { sharedInt32 } from './shared-memory.ts';

/*
 * A team of threads over shared memory. The coordinator announces an operation with a number of tasks; every thread,
 * the coordinator included, takes the next free task until none is left; then the coordinator goes on. Threads sleep
 * in Atomics.wait between operations. Which thread does a task must not matter to its result.
 */
export type TeamMemory = Int32Array<SharedArrayBuffer>;

/** Runs one task of an operation on this thread. */
export type Perform = (operation: number, task: number) => void;

export type Team = { run: (operation: number, taskCount: number) => void; end: () => void };

/** Fields: round counts announcements; next is the next free task; working counts helpers still at it. */
const ROUND = 0;
const OPERATION = 1;
const TASKS = 2;
const NEXT = 3;
const WORKING = 4;
/** Announced as operation: helpers go home. */
const END = -1;

export function createTeamMemory(): TeamMemory {
  return sharedInt32(5);
}

export function coordinate(memory: TeamMemory, helpers: number, perform: Perform): Team {
  const announce = (operation: number, taskCount: number): void => {
    Atomics.store(memory, OPERATION, operation);
    Atomics.store(memory, TASKS, taskCount);
    Atomics.store(memory, NEXT, 0);
    Atomics.store(memory, WORKING, helpers);
    Atomics.add(memory, ROUND, 1);
    Atomics.notify(memory, ROUND);
  };
  return {
    run(operation, taskCount) {
      // One task is not worth waking anybody.
      if (taskCount <= 1 || helpers === 0) {
        for (let task = 0; task < taskCount; task += 1) perform(operation, task);
        return;
      }
      announce(operation, taskCount);
      takeTasks(memory, perform);
      for (let left = Atomics.load(memory, WORKING); left > 0; left = Atomics.load(memory, WORKING)) {
        Atomics.wait(memory, WORKING, left);
      }
    },
    end() {
      announce(END, 0);
    },
  };
}

/** A helper's life: returns when the coordinator ends the team. */
export function help(memory: TeamMemory, perform: Perform): void {
  for (let round = 0; ; round += 1) {
    while (Atomics.load(memory, ROUND) === round) Atomics.wait(memory, ROUND, round);
    if (Atomics.load(memory, OPERATION) === END) return;
    takeTasks(memory, perform);
    if (Atomics.sub(memory, WORKING, 1) === 1) Atomics.notify(memory, WORKING);
  }
}

function takeTasks(memory: TeamMemory, perform: Perform): void {
  const operation = Atomics.load(memory, OPERATION);
  const tasks = Atomics.load(memory, TASKS);
  for (let task = Atomics.add(memory, NEXT, 1); task < tasks; task = Atomics.add(memory, NEXT, 1)) {
    perform(operation, task);
  }
}
