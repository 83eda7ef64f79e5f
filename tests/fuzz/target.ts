export type FuzzOutcome = {
  inputs: number;
  rejected: number;
  accepted: number;
  /** What should not have happened, without a value of the input. */
  faults: readonly string[];
  /** The round's bytes, kept when there are faults. */
  input: Buffer;
};

/** Opens what is fuzzed. `run` makes and sends one round; `check` says what is wrong at the end. */
export type FuzzTarget = () => Promise<{
  run(seed: number, round: number): Promise<FuzzOutcome>;
  check(): Promise<string[]>;
  close(): Promise<void>;
}>;

export type Random = (below: number) => number;

/** Numbers below a bound from a seed and a round (mulberry32). */
export function randomOf(seed: number, round: number): Random {
  let state = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(round + 1, 0x85ebca6b)) >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
