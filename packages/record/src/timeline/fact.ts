/**
 * One coded, unit-normalised value on a patient's timeline; append-only and bitemporal: `effectiveAt` is when it was
 * true by the source's clock, `seq` is when we knew it. A timeline at pin S holds, for each key, the last row with
 * seq ≤ S, and drops the key where that row is retracted.
 */
export type Fact = {
  /** Identity of the thing observed: the same key with a later seq is its correction. */
  key: string;
  /** LOINC, or `primum:…` for what LOINC has no code for. */
  code: string;
  /** In the code's canonical UCUM unit (the code table); null = missing: implausible, cannot be obtained, or text only. */
  value: number | null;
  /** For coded or text facts, such as the class of a location. */
  text?: string;
  /** Milliseconds since the epoch by the source's clock: when it was true. */
  effectiveAt: number;
  /** Recorded sequence: when we knew it. */
  seq: number;
  status: 'final' | 'preliminary' | 'corrected' | 'retracted';
  flag?: 'implausible' | 'unit-unknown' | 'unmapped';
};
