import type { Encounter } from '@medplum/fhirtypes';
import { canonicalJson, epochOf } from '@primum/base';
import { joinPlaces, type EncounterLocation } from './read-place.ts';
import type { StayEvent, StayLocation } from './stay-event.ts';
import type { StayRules } from './stay-rules.ts';

/** An event that is not known yet, hence without its place in the order of knowing. */
export type SaidEvent = Omit<StayEvent, 'seq' | 'n'>;

const actCode = 'http://terminology.hl7.org/CodeSystem/v3-ActCode';
/** Inpatient, acute and not, emergency, observation (v3 ActEncounterCode): who is in the house. */
const classes = new Set(['IMP', 'ACUTE', 'NONACUTE', 'EMER', 'OBSENC']);
const begun = new Set(['arrived', 'triaged', 'in-progress', 'onleave', 'finished']);
const mostPlaces = 1_000;

/** Whether an Encounter is a stay: of such a class, begun, at a known time, not taken back. */
export function isStay({ class: kind, status, period }: Encounter): boolean {
  return classes.has(kind.code ?? '') && (kind.system ?? actCode) === actCode && begun.has(status) && instantOf(period?.start) !== null;
}

/**
 * What an Encounter says that happened: the admission at period.start with the first place (at that place's own start,
 * where it is later), a transfer for each further place with a start of its own, the discharge at period.end of a
 * finished one, or at `endedAt` where it does not say when. Places that are planned or reserved say nothing; one ends when
 * the next begins. A date without a time says no hour. Nothing for what is no stay.
 */
export function eventsOfEncounter(rules: StayRules, encounter: Encounter, read: { place(entry: EncounterLocation): StayLocation; endedAt: number }): SaidEvent[] {
  const start = instantOf(encounter.period?.start);
  if (start === null || !isStay(encounter)) return [];
  const [first, ...further] = placesOf(encounter, start, read.place);
  const events: SaidEvent[] = [{
    kind: 'admit', effectiveAt: first?.at ?? start,
    ...(first === undefined ? {} : { location: first.location, ...(first.at === start ? {} : { hospitalAdmittedAt: start }) }),
  }];
  let present = first?.location;
  for (const { at, location } of further) {
    if (location.ward === present?.ward && location.bed === present.bed && location.icu === present.icu) continue;
    events.push({ kind: 'transfer', effectiveAt: at, location });
    present = location;
  }
  if (encounter.status === 'finished') {
    events.push({ kind: 'discharge', effectiveAt: instantOf(encounter.period?.end) ?? read.endedAt, ...(died(rules, encounter) ? { died: true } : {}) });
  }
  return events;
}

function placesOf(encounter: Encounter, start: number, place: (entry: EncounterLocation) => StayLocation): { at: number; location: StayLocation }[] {
  const lain = (encounter.location ?? []).slice(0, mostPlaces).filter(({ status }) => status !== 'planned' && status !== 'reserved');
  const untimed = lain.filter(({ period }) => period?.start === undefined);
  const present = untimed.filter(({ status }) => status !== 'completed');
  const byTime = new Map<number, StayLocation[]>();
  const add = (at: number, entry: EncounterLocation): void => void byTime.set(at, [...byTime.get(at) ?? [], place(entry)]);
  for (const entry of present.length > 0 ? present : untimed) add(start, entry);
  for (const entry of lain) {
    const at = instantOf(entry.period?.start);
    if (at !== null) add(Math.max(start, at), entry);
  }
  return [...byTime].sort(([a], [b]) => a - b).map(([at, places]) => ({ at, location: joinPlaces(places) })).filter(({ location }) => location.ward !== '' || location.bed !== '');
}

function died(rules: StayRules, { hospitalization }: Encounter): boolean {
  const disposition = hospitalization?.dischargeDisposition;
  if (disposition?.coding?.some(({ system = '', code = '' }) => rules.deathDispositions.has(`${system}|${code}`)) === true) return true;
  return /\b(?:expired|died|deceased)\b/i.test(disposition?.text ?? '');
}

/** What to append so that a stay of the events `active` becomes what was `said`: cancellations of what is not said any more, then what is new. */
export function stayChanges(active: readonly StayEvent[], said: readonly SaidEvent[]): SaidEvent[] {
  const nameOf = ({ kind, effectiveAt, location, hospitalAdmittedAt, died }: SaidEvent): string => canonicalJson({ kind, effectiveAt, location, hospitalAdmittedAt, died });
  const standing = new Set(active.map(nameOf));
  const wanted = new Set(said.map(nameOf));
  return [
    ...active.filter((event) => !wanted.has(nameOf(event))).map(({ kind, effectiveAt, seq, n }): SaidEvent => ({ kind: `cancel-${kind as 'admit' | 'transfer' | 'discharge'}`, effectiveAt, cancels: { seq, n } })), // cancellations are not among those that stand
    ...said.filter((event) => !standing.has(nameOf(event))),
  ];
}

/** Milliseconds; null for nothing, and for a date without a time. */
function instantOf(text: string | undefined): number | null {
  if (text === undefined || text.length < 16) return null;
  const at = epochOf(text);
  return Number.isNaN(at) ? null : at;
}
