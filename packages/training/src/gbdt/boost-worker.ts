import { parentPort, workerData } from 'node:worker_threads';
import { boost, type BoostResult, type GbdtRound } from './boost.ts';
import { createPerform } from './operations.ts';
import { coordinate, help, type TeamMemory } from './team.ts';
import type { TrainingState } from './training-state.ts';

/** Member 0 coordinates and reports; the others help. */
export type BoostTask = { member: number; members: number; memory: TeamMemory; state: TrainingState; edges: Float32Array[] };
export type BoostMessage = { round: GbdtRound } | { result: BoostResult };

const { member, members, memory, state, edges } = workerData as BoostTask; // only `trainGbdt` starts this file
const perform = createPerform(state);
if (member > 0) {
  help(memory, perform);
} else {
  const team = coordinate(memory, members - 1, perform);
  const report = (message: BoostMessage): void => parentPort?.postMessage(message);
  const result = boost(state, edges, team, (round) => report({ round }));
  team.end();
  report({ result });
}
