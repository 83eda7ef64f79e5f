/** What a score is made of (docs/quality.md). */
export const dimensions = ['completeness', 'validity', 'timeliness', 'consistency'] as const;
export type Dimension = (typeof dimensions)[number];

export type Severity = 'error' | 'warning' | 'notice';

/**
 * What becomes of what a rule found. `pass`: noted. `flag`: the value becomes missing, flagged, so that no model reads it.
 * `quarantine`: the message is kept whole and not applied.
 */
export type RuleAction = 'pass' | 'flag' | 'quarantine';

type Base = {
  id: string;
  severity: Severity;
  action: RuleAction;
  /** `MSH-3|MSH-4`; absent: every source. */
  sources?: ReadonlySet<string>;
  /** Of the timeline: LOINC or `primum:…`; absent: every code. */
  codes?: ReadonlySet<string>;
  /** What is wrong, and how to mend it, for people. */
  text: string;
  fix: string;
};

/** Times are in minutes, values in the code's canonical unit, ages in years. */
export type QualityRule = Base & (
  | { kind: 'range'; low: number; high: number; /** From, inclusive, to, exclusive. */ ages?: readonly [number, number] }
  | { kind: 'unit'; units: ReadonlySet<string> }
  | { kind: 'future'; toleranceMinutes: number }
  | { kind: 'flagged'; flag: 'implausible' | 'unit-unknown' | 'unmapped' }
  | { kind: 'before-birth' }
  | { kind: 'after-death'; toleranceMinutes: number }
  | { kind: 'stay-order' }
  | { kind: 'late'; maxMinutes: number }
  | { kind: 'jump'; max: number; withinMinutes: number }
  | { kind: 'stuck'; times: number }
  | { kind: 'duplicate' }
  | { kind: 'missing' }
  | { kind: 'age-unknown' }
  | { kind: 'refused'; reasons: ReadonlySet<string> }
  | { kind: 'silent'; times: number; coldStartMinutes: number; leastMinutes: number }
);
export type RuleKind = QualityRule['kind'];

/** What each kind counts against; a silent feed counts against nothing, it has no facts. */
export const dimensionOf: Readonly<Record<RuleKind, Dimension | null>> = {
  range: 'validity', unit: 'validity', future: 'validity', flagged: 'validity', 'before-birth': 'validity', 'after-death': 'validity', refused: 'validity',
  'stay-order': 'consistency', jump: 'consistency', stuck: 'consistency', duplicate: 'consistency', late: 'timeliness', missing: 'completeness', 'age-unknown': 'completeness', silent: null,
};

export type QualityRules = readonly QualityRule[];

export function applies({ sources, codes }: QualityRule, source: string, code: string): boolean {
  return (sources === undefined || sources.has(source)) && (codes === undefined || codes.has(code));
}
