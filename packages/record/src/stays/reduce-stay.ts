import type { StayState } from '@primum/contract';
import { eventName, type StayEvent, type StayEventKind, type StayLocation } from './stay-event.ts';

/** A time in the ICU; `name` is that of the event that began it, `endName` of the one that ended it. */
export type IcuPeriod = { name: string; from: number; endName: string | null; to: number | null };

export type StaySummary = {
  status: StayState;
  location: StayLocation | null;
  /** The present time in the ICU, the last one when the stay ended there; null elsewhere. */
  icuFrom: number | null;
  admittedAt: number | null;
  endedAt: number | null;
  died: { name: string; at: number } | null;
  icuPeriods: IcuPeriod[];
  /** Every stay in one kind of ICU, each from the event that began it. */
  units: { name: string; unit: string; from: number }[];
};

/**
 * A stay is what its events that were not cancelled add up to, in the order in which they were true: a late transfer
 * takes its place in time, a cancellation leaves the stay as though the event had not been.
 */
export function reduceStay(events: readonly StayEvent[]): StaySummary {
  const active = activeEvents(events);
  const admit = active.findLast((event) => event.kind === 'admit');
  const discharge = active.findLast((event) => event.kind === 'discharge');
  const placements = active.filter((event) => event.location !== undefined && (discharge === undefined || event.effectiveAt <= discharge.effectiveAt));
  const location = placements.at(-1)?.location ?? null;
  const icuPeriods = icuPeriodsOf(placements, discharge);
  return {
    status: admit === undefined ? 'cancelled' : discharge === undefined ? 'in-progress' : 'finished',
    location,
    icuFrom: admit !== undefined && location?.icu === true ? icuPeriods.at(-1)?.from ?? null : null,
    admittedAt: admit === undefined ? null : admit.hospitalAdmittedAt ?? admit.effectiveAt,
    endedAt: admit === undefined ? null : discharge?.effectiveAt ?? null,
    died: discharge?.died === true ? { name: eventName(discharge), at: discharge.effectiveAt } : null,
    icuPeriods: admit === undefined ? [] : icuPeriods,
    units: admit === undefined ? [] : unitsOf(placements),
  };
}

/** The event that a cancellation takes back: the last known one of its kind that still stands. */
export function cancellable(events: readonly StayEvent[], kind: Extract<StayEventKind, 'admit' | 'transfer' | 'discharge'>): StayEvent | undefined {
  return activeEvents(events).filter((event) => event.kind === kind).sort((a, b) => a.seq - b.seq || a.n - b.n).at(-1);
}

/** The events that were not cancelled, in the order in which they were true. */
export function activeEvents(events: readonly StayEvent[]): StayEvent[] {
  const cancelled = new Set(events.flatMap((event) => (event.cancels === undefined ? [] : [eventName(event.cancels)])));
  return events
    .filter((event) => event.cancels === undefined && !cancelled.has(eventName(event)))
    .sort((a, b) => a.effectiveAt - b.effectiveAt || a.seq - b.seq || a.n - b.n);
}

function icuPeriodsOf(placements: readonly StayEvent[], discharge: StayEvent | undefined): IcuPeriod[] {
  const periods: IcuPeriod[] = [];
  for (const event of placements) {
    const open = periods.at(-1)?.to === null ? periods.at(-1) : undefined;
    if (event.location?.icu === true && open === undefined) {
      periods.push({ name: eventName(event), from: event.effectiveAt, endName: null, to: null });
    } else if (event.location?.icu === false && open !== undefined) {
      open.endName = eventName(event);
      open.to = event.effectiveAt;
    }
  }
  const last = periods.at(-1);
  if (discharge !== undefined && last?.to === null) {
    last.endName = eventName(discharge);
    last.to = discharge.effectiveAt;
  }
  return periods;
}

function unitsOf(placements: readonly StayEvent[]): StaySummary['units'] {
  const units: StaySummary['units'] = [];
  let current: string | undefined;
  for (const event of placements) {
    const unit = event.location?.icu === true ? event.location.unit : undefined;
    if (unit !== undefined && unit !== current) units.push({ name: eventName(event), unit, from: event.effectiveAt });
    current = unit;
  }
  return units;
}
