import type { Bundle } from '@medplum/fhirtypes';
import { component, type Hl7Message, type Hl7Segment, type UtcOffset } from '@primum/formats';
import { createBuilder, type Builder } from './build-datatype.ts';
import { decidingPlaces, holds, type Surroundings } from './condition.ts';
import { cloneOf, isObject, putElement, type Json } from './element-path.ts';
import { cutField, isNullValue, markSeen, unseenPlaces, type FieldValue } from './field-value.ts';
import { pathOf } from './place.ts';
import { resolveReferences } from './references.ts';
import { placesOf, type MappingTables, type Opening, type Rule, type SegmentMap } from './rule.ts';

/**
 * Where a field went. `targets` is empty where no rule took it; `unmapped` are the components that no rule read
 * (`4.2`: component 4, subcomponent 2). Never holds a value of the message.
 */
export type FieldTrace = {
  segment: string;
  sequence: number;
  field: number;
  targets: { element: string; rule: string }[];
  unmapped: string[];
  /** The field was `""`: what the receiver holds is to be deleted. */
  deletes?: true;
};

/** An element that the sender deletes (`""`); FHIR's bundle has no way to say it. */
export type Deletion = { fullUrl: string; element: string; rule: string };

/** Where a resource of the bundle came from: the segment that made it, and which field each of its elements was read from (`OBR[2]-4`). */
/** Characters of the list of fields that an element came from; a segment that is sent hundreds of times adds no more to it. */
const longestOrigin = 1_000;

export type Origin = { segment: string; sequence: number; elements: Record<string, string> };

/**
 * `unread` are the segments that no mapping file reads, as they were sent: Z-segments among them. `origins` by full URL,
 * for resources of segments and of single fields (a practitioner, a place).
 */
export type Conversion = { bundle: Bundle; trace: FieldTrace[]; deletions: Deletion[]; unread: Hl7Segment[]; origins: ReadonlyMap<string, Origin> };

export type ConversionOptions = {
  /** Of times that name no offset. */
  utcOffsetMinutes?: UtcOffset;
  /** Base of the URIs of local namespaces and code systems, which have no registered one. */
  namespaceBase?: string;
  /** Segments that the caller has read itself: no rule sees them, they stand in no trace. */
  passOver?: (segment: Hl7Segment, index: number) => boolean;
  /** Resources that are open from the start under these names, because their segments are passed over. */
  given?: readonly string[];
};

type Slot = { name: string; target: Json; url: string; element: string; openedBy: string; joinedBy: Set<string>; isItem: boolean };
type Run = {
  tables: MappingTables; builder: Builder; slots: Map<string, Slot>; items: { list: unknown[]; item: Json; bare: number }[];
  event: string; anchor: string; trace: FieldTrace[]; deletions: Deletion[]; origins: Map<string, Origin>; segment: Hl7Segment | undefined;
  /** The order whose prior results are read, and whether their own order has begun. */
  prior?: { of: Json; begun: boolean };
};

/**
 * Converts a parsed message to a FHIR R4 collection bundle by mapping tables. Pure: ids are the bundle's own
 * (`urn:uuid:` with a running number), the step that stores it gives the real ones. Segments are read in their order;
 * each opens resources and items, its rules write to whatever is open. Equal helper resources (organizations, places,
 * people of the same content) become one. Every field that holds something has exactly one entry in the trace.
 */
export function convertMessage(message: Hl7Message, tables: MappingTables, options: ConversionOptions = {}): Conversion {
  const steps = convertInSteps(message, tables, options);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** The same, a segment at a time: of some hundred full ones the whole is a quarter of a second. */
export function* convertInSteps(message: Hl7Message, tables: MappingTables, options: ConversionOptions = {}): Generator<undefined, Conversion> {
  const builder = createBuilder(tables, { utcOffsetMinutes: options.utcOffsetMinutes ?? 0, namespaceBase: options.namespaceBase ?? 'urn:primum:v2' });
  const header = message.segments[0];
  const event = header === undefined ? '' : component(header, 9, { comp: 2 });
  const files = tables.messages.find(({ events }) => events.includes(event))?.segments ?? {};
  const run: Run = { tables, builder, slots: new Map(), items: [], event, anchor: '', trace: [], deletions: [], origins: new Map(), segment: undefined };
  for (const name of options.given ?? []) {
    const { url, resource } = builder.add({ resourceType: name });
    run.slots.set(name, { name, target: resource, url, element: name, openedBy: '', joinedBy: new Set(), isItem: false });
  }
  const details = filesByDetail(tables, message.segments);
  const unread: Hl7Segment[] = [];
  for (const [index, segment] of message.segments.entries()) {
    if (options.passOver?.(segment, index) === true) continue;
    run.segment = segment;
    const named = files[segment.name];
    const file = named === undefined ? details.get(index) ?? segment.name : named;
    const map = file === null || file === undefined ? undefined : tables.segments.get(file);
    if (map === undefined) unread.push(segment);
    const prior = enterPrior(run, segment);
    const made = builder.size();
    readSegment(run, segment, map);
    if (prior !== undefined) {
      const urls = builder.since(made);
      for (const name of priorResults) {
        const slot = run.slots.get(name);
        if (slot !== undefined && urls.includes(slot.url)) putElement(prior, 'supportingInfo[]', { reference: slot.url });
      }
    }
    yield undefined;
  }
  dropBareItems(run);
  return { bundle: bundleOf(builder, message), trace: run.trace, deletions: run.deletions, unread, origins: run.origins };
}

/** Messages in which prior results follow an order (HL7 2.5.1, sections 4.4.6 and 4.7.3, PRIOR_RESULT), and what of them is its supporting information. */
const withPriorResults = new Set(['O19', 'O21']);
const priorResults = ['ServiceRequest', 'Observation'];

/**
 * The order to whose prior results a segment belongs: they begin with PID or PV1 behind an order and hold one order each;
 * the next ORC that no PV1 precedes is an order of its own again.
 */
function enterPrior(run: Run, { name }: Hl7Segment): Json | undefined {
  const order = run.slots.get('ServiceRequest')?.target;
  if (withPriorResults.has(run.event) && (name === 'PV1' || name === 'PID') && order !== undefined) run.prior = { of: run.prior?.of ?? order, begun: false };
  else if (name === 'ORC' && run.prior?.begun === true) delete run.prior;
  else if (name === 'ORC' && run.prior !== undefined) run.prior.begun = true;
  return run.prior?.begun === true ? run.prior.of : undefined;
}

/** Files that the details after a segment decide, by its index; one pass from the end, however many orders a message holds. */
function filesByDetail(tables: MappingTables, segments: readonly Hl7Segment[]): Map<number, string> {
  const files = new Map<number, string>();
  const after = new Map<string, string>();
  for (let index = segments.length - 1; index >= 0; index -= 1) {
    const name = segments[index]?.name ?? '';
    const file = after.get(name);
    if (file !== undefined) files.set(index, file);
    after.delete(name);
    for (const { segment, before, file: chosen } of tables.details) if (before.includes(name)) after.set(segment, chosen);
  }
  return files;
}

function readSegment(run: Run, segment: Hl7Segment, map: SegmentMap | undefined): void {
  const cut = new Map<number, FieldValue[]>();
  const valuesOf = (field: number): FieldValue[] => {
    const known = cut.get(field);
    if (known !== undefined) return known;
    const values = cutField(segment, field);
    cut.set(field, values);
    return values;
  };
  const targets = new Map<number, FieldTrace['targets']>();
  if (map !== undefined) {
    if (map.follower !== true) run.anchor = segment.name;
    const around: Surroundings = { valuesOf, event: run.event, anchor: run.anchor, isOpen: (name) => run.slots.has(name) };
    for (const name of map.closes ?? []) run.slots.delete(name);
    for (const opening of map.opens) open(run, segment.name, opening, around);
    for (const rule of map.rules) {
      const places = placesOf(rule);
      if (places.length > 0 && !places.some((place) => (segment.fields[pathOf(place)[0] ?? 0] ?? '') !== '')) continue;
      const slot = run.slots.get(slotName(rule.to));
      if (slot === undefined || (rule.when !== undefined && !holds(rule.when, around))) continue;
      applyToSlot(run, rule, slot, around, targets);
    }
  }
  for (let field = segment.name === 'MSH' ? 3 : 1; field < segment.fields.length; field += 1) {
    const values = valuesOf(field);
    if (values.length === 0) continue;
    const entry: FieldTrace = { segment: segment.name, sequence: segment.sequence, field, targets: targets.get(field) ?? [], unmapped: [...new Set(values.flatMap(unseenPlaces))] };
    if (values.some(isNullValue)) { entry.deletes = true; entry.unmapped = []; }
    run.trace.push(entry);
  }
}

function applyToSlot(run: Run, rule: Rule, slot: Slot, around: Surroundings, targets: Map<number, FieldTrace['targets']>): void {
  const path = rule.to.slice(slotName(rule.to).length + 1);
  const whole = path === '' ? slot.element : `${slot.element}.${path}`;
  const origin = run.origins.get(slot.url);
  const within = slot.element.slice(slot.element.indexOf('.') + 1);
  const note = (source: Rule, into: string): void => {
    const [from] = placesOf(source);
    if (origin !== undefined && from !== undefined && run.segment !== undefined) {
      const element = elementOf(slot.isItem ? within : path);
      const place = `${run.segment.name}[${run.segment.sequence}]-${pathOf(from)[0] ?? 0}`;
      const known = origin.elements[element];
      if (known === undefined) origin.elements[element] = place;
      else if (known.length < longestOrigin && !known.split(', ').includes(place)) origin.elements[element] = `${known}, ${place}`;
    }
    for (const place of [...placesOf(source), ...decidingPlaces(source.when)]) {
      const [field = 0, component = 1, subcomponent = 1] = pathOf(place);
      if (!placesOf(source).includes(place)) for (const value of around.valuesOf(field)) markSeen(value, component, subcomponent);
      const list = targets.get(field);
      if (list === undefined) targets.set(field, [{ element: into, rule: source.id }]);
      else if (list.at(-1)?.rule !== source.id) list.push({ element: into, rule: source.id });
    }
  };
  const [first] = placesOf(rule);
  if (first !== undefined && around.valuesOf(pathOf(first)[0] ?? 0).some(isNullValue)) {
    run.deletions.push({ fullUrl: slot.url, element: path, rule: rule.id });
    note(rule, whole);
    return;
  }
  const made = run.builder.size();
  for (const value of valuesFor(run, rule, around)) {
    if (rule.at === undefined && rule.set === undefined && rule.with === undefined) {
      putElement(slot.target, path, value, rule.ifEmpty);
    } else {
      const item: Json = resolveReferences(rule.set ?? {}, referenceOf(run));
      if (rule.at !== undefined) putElement(item, rule.at, value);
      else if (isObject(value)) Object.assign(item, value);
      for (const extra of rule.with ?? []) {
        if (extra.when !== undefined && !holds(extra.when, around)) continue;
        for (const part of valuesFor(run, extra, around)) { putElement(item, extra.to, part); note(extra, `${slot.element}.${path}.${extra.to}`); }
      }
      putElement(slot.target, path, item);
    }
    note(rule, whole);
  }
  if (first !== undefined && run.segment !== undefined) {
    const { name, sequence } = run.segment;
    for (const url of run.builder.since(made)) run.origins.set(url, { segment: name, sequence, elements: { '*': `${name}[${sequence}]-${pathOf(first)[0] ?? 0}` } });
  }
}

/** `identifier[].value` → `identifier`; an extension by its name alone; the whole resource as `*`. */
function elementOf(path: string): string {
  return /^\w+/.exec(path)?.[0] ?? '*';
}

/** The converted values of a rule: one a repetition of its field; one in all where it joins fields or sets a constant. */
function valuesFor(run: Run, rule: Rule, around: Surroundings): unknown[] {
  if (rule.copy !== undefined) return [run.slots.get(slotName(rule.copy))?.target[rule.copy.slice(slotName(rule.copy).length + 1)]].flat().filter((value) => value !== undefined).map((value) => cloneOf(value));
  if (rule.field === undefined) return [resolveReferences(rule.value, referenceOf(run))].filter((value) => value !== undefined);
  const places = placesOf(rule);
  if (places.length > 1) {
    const texts = places.map((place) => run.builder.fromSegment({ ...rule, field: place, type: 'string' }, around.valuesOf)[0]).filter((text) => text !== undefined);
    return texts.length === 0 ? [] : [texts.join(rule.join ?? ' ')];
  }
  const values = run.builder.fromSegment(rule, around.valuesOf);
  return rule.join === undefined || values.length === 0 ? values : [values.join(rule.join)];
}

function open(run: Run, segment: string, opening: Opening, around: Surroundings): void {
  const name = opening.as ?? opening.resource ?? '';
  const present = run.slots.get(name);
  if (present !== undefined && opening.keep === true) return;
  if (present !== undefined && opening.join?.includes(present.openedBy) === true && !present.joinedBy.has(segment)) {
    present.joinedBy.add(segment);
    return;
  }
  if (opening.when !== undefined && !holds(opening.when, around)) { if (opening.join === undefined) run.slots.delete(name); return; }
  const set = resolveReferences(opening.set ?? {}, referenceOf(run));
  if (opening.element !== undefined) {
    const parent = run.slots.get(slotName(opening.element));
    if (parent === undefined) { run.slots.delete(name); return; }
    const path = opening.element.slice(slotName(opening.element).length + 1);
    putElement(parent.target, path, set);
    const key = path.replace('[]', '');
    const list = parent.target[key];
    if (Array.isArray(list)) run.items.push({ list, item: set, bare: Object.keys(set).length });
    run.slots.set(name, { name, target: set, url: parent.url, element: `${parent.element}.${path}`, openedBy: segment, joinedBy: new Set(), isItem: true });
    return;
  }
  const { url, resource } = run.builder.add({ resourceType: opening.resource ?? '', ...set });
  run.origins.set(url, { segment, sequence: run.segment?.sequence ?? 0, elements: {} });
  run.slots.set(name, { name, target: resource, url, element: opening.resource ?? '', openedBy: segment, joinedBy: new Set(), isItem: false });
  for (const link of opening.links ?? []) {
    const holder = run.slots.get(slotName(link));
    if (holder !== undefined) putElement(holder.target, link.slice(slotName(link).length + 1), { reference: url });
  }
}

/** Items that no rule wrote to say nothing. */
function dropBareItems(run: Run): void {
  const bare = new Set<unknown>(run.items.filter(({ item, bare: size }) => Object.keys(item).length === size).map(({ item }) => item));
  for (const list of new Set(run.items.map(({ list: one }) => one))) {
    let kept = 0;
    for (const item of list) if (!bare.has(item)) { list[kept] = item; kept += 1; }
    list.length = kept;
  }
}

function referenceOf(run: Run): (name: string) => string | undefined {
  return (name) => run.slots.get(name)?.url;
}

function slotName(path: string): string {
  const dot = path.indexOf('.');
  return dot === -1 ? path : path.slice(0, dot);
}

function bundleOf(builder: Builder, message: Hl7Message): Bundle {
  const header = message.segments[0];
  const identifier = header === undefined ? '' : component(header, 10);
  const timestamp = builder.instant(header === undefined ? '' : component(header, 7));
  // Built from mapping files that were checked against FHIR's element names; the validator of the record is the judge of the whole.
  return {
    resourceType: 'Bundle', type: 'collection',
    ...(identifier === '' ? {} : { identifier: { value: identifier } }),
    ...(timestamp === undefined ? {} : { timestamp }),
    entry: builder.entries(),
  } as unknown as Bundle;
}

