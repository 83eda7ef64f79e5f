/**
 * The vocabulary that mapping files are written in (`mappings/v2`). There is no code in data: a rule says from where,
 * to where, by which datatype and concept map, and under which condition of a small, total language.
 *
 * A place in a message is `3`, `3.1` or `3.4.2`: field, component, subcomponent of the segment (in a datatype's file:
 * component, subcomponent of the value). An element is a path whose steps are `name`, `name[]` (a list: a new item where
 * it ends, else its last item), `name[*]` (within: every item of the list, a first where there is none) and `extension(url)` (the extension of that url, made when missing).
 */
export type Condition =
  | { valued: string }
  | { repeats: string }
  | { is: readonly [place: string, value: string] }
  | { in: readonly [place: string, values: readonly string[]] }
  /** The segment stands after one of these, nothing but followers (ROL, NTE …) in between. */
  | { after: readonly string[] }
  | { event: readonly string[] }
  /** There is such a resource to write to. */
  | { open: string }
  | { not: Condition }
  | { all: readonly Condition[] }
  | { any: readonly Condition[] };

export type Rule = {
  id: string;
  /** Place or places; several are joined by `join`. Without one the rule sets `value`. */
  field?: string | readonly string[];
  join?: string;
  /** Before the text, where there is one. */
  prefix?: string;
  /** What a number is multiplied by: a unit made another. */
  factor?: number;
  /** Segment files: `Slot.element.path`; datatype files: `element.path`; `` is the value itself. */
  to: string;
  type?: string;
  map?: string;
  value?: unknown;
  /** In the place of a field: what stands at an element of an open resource (`ServiceRequest.identifier`). */
  copy?: string;
  /** The converted value goes to this path inside a new item, beside `set` and what `with` gives. */
  at?: string;
  set?: Readonly<Record<string, unknown>>;
  with?: readonly Rule[];
  /** Laid under a converted object: what the message says wins. */
  defaults?: Readonly<Record<string, unknown>>;
  when?: Condition;
  /** Only the first repetition; the others stay unmapped. */
  first?: true;
  /** Does not replace what an earlier rule wrote. */
  ifEmpty?: true;
};

/** A resource, or an item of one (`element`), that a segment makes; `as` names it for rules and for `@Name` references. */
export type Opening = {
  id: string;
  resource?: string;
  element?: string;
  as?: string;
  when?: Condition;
  set?: Readonly<Record<string, unknown>>;
  /** Goes on with the one that these segments made, once. */
  join?: readonly string[];
  /** One for the whole message. */
  keep?: true;
  /** Elements that get a reference to it: `DiagnosticReport.result[]`. Passed over where there is no such resource. */
  links?: readonly string[];
};

export type SegmentMap = {
  segment: string;
  /** Stands beside what precedes it (ROL, NTE, PRT): conditions look past it. */
  follower?: true;
  /** Names that end here: a following segment can't write to them. */
  closes?: readonly string[];
  opens: readonly Opening[];
  rules: readonly Rule[];
};

export type DatatypeMap = {
  datatype: string;
  /** Makes a resource; the value is a reference to it. */
  creates?: string;
  /** Nested places of one value (PL), finest first: each valued one is part of the next. */
  levels?: readonly { id: string; field: string; set: Readonly<Record<string, unknown>> }[];
  levelType?: string;
  rules: readonly Rule[];
};

export type ConceptMap = {
  map: string;
  system?: string;
  /** What a code that is not listed becomes where a bare code is asked for; a Coding keeps what was sent. */
  otherwise?: 'keep';
  codes: Readonly<Record<string, { code?: string; display?: string; system?: string; value?: unknown }>>;
};

/** Which file a segment is read by in messages of these trigger events; null: not at all. */
export type MessageMap = { events: readonly string[]; segments: Readonly<Record<string, string | null>> };

/** A segment that stands before one of these, up to the next of its own name, is read by this file: what an ORC orders. */
export type DetailMap = { segment: string; before: readonly string[]; file: string };

/**
 * Which resources of a message are kept, and under which identity: what comes again under the same is a new version. `by`
 * are the identities to try in order; all the places of one must hold something: an element's path, `identifier` (the first), `identifier:PLAC`
 * (of that type), `identifier:own` (neither placer's nor filler's), `@visit` (the visit's number), `*` (the whole content).
 * Without any the resource is this message's own. A type that is not listed is not kept.
 */
export type KeptRule = {
  /** Identified within one patient's record, or for everybody (staff, places, organizations). */
  of: 'patient' | 'shared';
  by: readonly (readonly string[])[];
  /** Kept only where one of these elements holds something (`status!unknown`: something else), or one of these segments (`@ORC`) made it. */
  needs?: readonly string[];
  /** Kept only where something that is kept refers to it. */
  referred?: true;
};

export type MappingTables = {
  segments: ReadonlyMap<string, SegmentMap>;
  datatypes: ReadonlyMap<string, DatatypeMap>;
  concepts: ReadonlyMap<string, ConceptMap>;
  messages: readonly MessageMap[];
  details: readonly DetailMap[];
  kept: ReadonlyMap<string, KeptRule>;
  /** A hospital's own rows are among them. */
  ownRows: boolean;
};

const none: readonly string[] = [];

/** The places that a rule reads; none where it sets a constant. */
export function placesOf({ field }: Rule): readonly string[] {
  return field === undefined ? none : typeof field === 'string' ? [field] : field;
}
