import type { Encounter, Location } from '@medplum/fhirtypes';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PrimumError } from '@primum/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readPlace, type EncounterLocation } from './read-place.ts';
import { activeEvents, reduceStay, type StaySummary } from './reduce-stay.ts';
import type { StayEvent } from './stay-event.ts';
import { eventsOfEncounter, isStay, stayChanges, type SaidEvent } from './stay-of-encounter.ts';
import { loadStayRules } from './stay-rules.ts';

const rules = loadStayRules();
const start = '2026-03-01T08:00:00Z';
const encounter = (more: Partial<Encounter> = {}): Encounter => ({
  resourceType: 'Encounter', status: 'in-progress', class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'IMP' },
  period: { start }, location: [{ location: { display: 'ICU 07' } }], ...more,
});
const at = (text: string): number => Date.parse(text);
const endedAt = at('2026-03-09T00:00:00Z');
const events = (said: Encounter, find: (id: string) => Location | undefined = () => undefined): SaidEvent[] =>
  eventsOfEncounter(rules, said, { endedAt, place: (entry) => readPlace(rules, entry, find) });
const summary = (said: Encounter) => reduceStay(events(said).map((event, n) => ({ ...event, seq: 1, n })));

describe('an Encounter', () => {
  it('is a stay where somebody is in the house, since a known hour', () => {
    const codes = ['IMP', 'ACUTE', 'NONACUTE', 'EMER', 'OBSENC', 'AMB', 'HH', 'VR', 'PRENC'].filter((code) => isStay(encounter({ class: { code } })));
    expect(codes).toEqual(['IMP', 'ACUTE', 'NONACUTE', 'EMER', 'OBSENC']);
    const statuses = (['planned', 'arrived', 'triaged', 'in-progress', 'onleave', 'finished', 'cancelled', 'entered-in-error', 'unknown'] as const).filter((status) => isStay(encounter({ status })));
    expect(statuses).toEqual(['arrived', 'triaged', 'in-progress', 'onleave', 'finished']);
    expect(isStay(encounter({ period: { start: '2026-03-01' } }))).toBe(false);
    expect(isStay(encounter({ class: { system: 'urn:own', code: 'IMP' } }))).toBe(false);
  });

  it('is admitted with its first place, transferred to each further one, discharged', () => {
    expect(events(encounter())).toEqual([{ kind: 'admit', effectiveAt: at(start), location: { ward: 'ICU', bed: '07', icu: true } }]);
    const moved = encounter({ status: 'finished', period: { start, end: '2026-03-04T09:30:00Z' }, location: [
      { location: { display: 'MICU 2' }, period: { start: '2026-03-02T10:00:00Z' } },
      { location: { display: 'Ward 3B 12' }, period: { start } },
      { location: { display: 'Theatre' }, status: 'planned', period: { start: '2026-03-03T10:00:00Z' } },
      { location: { display: 'MICU 2' }, period: { start: '2026-03-02T12:00:00Z' } },
    ] });
    expect(events(moved)).toEqual([
      { kind: 'admit', effectiveAt: at(start), location: { ward: 'Ward 3B', bed: '12', icu: false } },
      { kind: 'transfer', effectiveAt: at('2026-03-02T10:00:00Z'), location: { ward: 'MICU', bed: '2', icu: true, unit: 'MICU' } },
      { kind: 'discharge', effectiveAt: at('2026-03-04T09:30:00Z') },
    ]);
    expect(summary(moved)).toMatchObject({ status: 'finished', icuPeriods: [{ from: at('2026-03-02T10:00:00Z'), to: at('2026-03-04T09:30:00Z') }] });
  });

  it('in the hospital before its first place has two times', () => {
    const later = encounter({ location: [{ location: { display: 'ICU 1' }, period: { start: '2026-03-01T20:00:00Z' } }] });
    expect(summary(later)).toMatchObject({ admittedAt: at(start), icuFrom: at('2026-03-01T20:00:00Z') });
  });

  it('that is finished ends, also where it does not say when, and tells a death', () => {
    const over = (dischargeDisposition: NonNullable<Encounter['hospitalization']>['dischargeDisposition']): SaidEvent | undefined =>
      events(encounter({ status: 'finished', ...(dischargeDisposition === undefined ? {} : { hospitalization: { dischargeDisposition } }) })).at(-1);
    expect(over(undefined)).toEqual({ kind: 'discharge', effectiveAt: endedAt });
    expect(over({ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/discharge-disposition', code: 'exp' }] })).toMatchObject({ died: true });
    expect(over({ text: 'Patient Expired' })).toMatchObject({ died: true });
    expect(over({ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/discharge-disposition', code: 'home' }], text: 'home' })).not.toHaveProperty('died');
  });

  it('takes what stands there now before what is over, where neither has a time', () => {
    expect(events(encounter({ location: [{ location: { display: 'ICU 1' }, status: 'completed' }, { location: { display: 'ICU 2' }, status: 'active' }] }))).toMatchObject([{ location: { ward: 'ICU', bed: '2' } }]);
    const parts: EncounterLocation[] = [{ location: { display: 'ICU' } }, { location: { display: 'Bed 4' }, physicalType: { coding: [{ code: 'bd' }] } }];
    expect(events(encounter({ location: parts }))).toMatchObject([{ location: { ward: 'ICU', bed: 'Bed 4', icu: true } }]);
  });
});

describe('versions of an Encounter', () => {
  const hours = fc.integer({ min: 0, max: 9 }).map((hour) => `2026-03-01T0${hour}:00:00Z`);
  const version = fc.record({
    status: fc.constantFrom('in-progress', 'finished', 'onleave', 'planned', 'entered-in-error'), start: hours, end: fc.option(hours, { nil: undefined }),
    places: fc.array(fc.record({ display: fc.constantFrom('ICU 1', 'ICU 2', 'MICU 1', 'WARD 1'), start: fc.option(hours, { nil: undefined }) }), { maxLength: 4 }),
  }).map(({ status, start: from, end, places }): Encounter => encounter({
    status: status as Encounter['status'], period: { start: from, ...(end === undefined ? {} : { end }) }, // of the list above
    location: places.map(({ display, start: since }) => ({ location: { display }, ...(since === undefined ? {} : { period: { start: since } }) })),
  }));
  const plain = ({ icuPeriods, units, died, ...rest }: StaySummary) => ({ ...rest, icuPeriods: icuPeriods.map(({ from, to }) => [from, to]), units: units.map(({ unit, from }) => [unit, from]), died: died?.at ?? null });

  it('add up to what the last one says, whatever stood in those before', () => {
    expect(() => fc.assert(fc.property(fc.array(version, { minLength: 1, maxLength: 6 }), (versions) => {
      const stored: StayEvent[] = [];
      for (const [seq, one] of versions.entries()) {
        for (const [n, event] of stayChanges(activeEvents(stored), events(one)).entries()) stored.push({ ...event, seq, n });
      }
      expect(stayChanges(activeEvents(stored), events(versions.at(-1)!))).toEqual([]); // there is one at least
      expect(plain(reduceStay(stored))).toEqual(plain(summary(versions.at(-1)!))); // as above
    }))).not.toThrow();
  });
});

describe('a place', () => {
  const physicalType = (code: string): NonNullable<Location['physicalType']> => ({ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/location-physical-type', code }] });
  const places: Record<string, Location> = {
    bed: { resourceType: 'Location', name: 'Intensiv 1 B4', physicalType: physicalType('bd'), partOf: { reference: 'Location/room' } },
    room: { resourceType: 'Location', name: '12', physicalType: physicalType('ro'), partOf: { reference: 'Location/ward' } },
    ward: { resourceType: 'Location', name: 'Intensiv 1', physicalType: physicalType('wa'), type: [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-RoleCode', code: 'ICU' }] }], partOf: { reference: 'Location/house' } },
    house: { resourceType: 'Location', name: 'General Hospital', physicalType: physicalType('bu') },
    lone: { resourceType: 'Location', name: 'ICU 07' },
    ring: { resourceType: 'Location', name: 'Ring', partOf: { reference: 'Location/ring' } },
    surgery: { resourceType: 'Location', name: 'MICU', type: [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-RoleCode', code: 'SU' }] }] },
  };
  const place = (reference: string, display = 'Elsewhere 9') => readPlace(rules, { location: { reference: `Location/${reference}`, display } }, (id) => places[id]);

  it('is read from the Location and what it is part of', () => {
    expect(place('bed')).toEqual({ ward: 'Intensiv 1', bed: 'B4', icu: true });
    expect(place('room')).toEqual({ ward: 'Intensiv 1', bed: '12', icu: true });
    expect(place('ward')).toEqual({ ward: 'Intensiv 1', bed: '', icu: true });
    expect(place('house')).toEqual({ ward: 'General Hospital', bed: '', icu: false });
    expect(place('lone')).toEqual({ ward: 'ICU', bed: '07', icu: true });
    expect(place('ring')).toEqual({ ward: 'Ring', bed: '', icu: false });
    expect(place('surgery')).toEqual({ ward: 'MICU', bed: '', icu: true, unit: 'MICU' });
    expect(place('not-there')).toEqual({ ward: 'Elsewhere', bed: '9', icu: false });
  });

  it('is an ICU where the hospital says so, and none where it says not', () => {
    const folder = mkdtempSync(join(tmpdir(), 'primum-rules-'));
    try {
      const file = join(folder, 'stays.json');
      expect(loadStayRules(file)).toBe(rules);
      writeFileSync(file, JSON.stringify({ wards: { 'Station 7': { icu: true, unit: 'SICU', ward: 'S7' }, 'intensiv 1': { icu: false } } }));
      const own = loadStayRules(file);
      expect(readPlace(own, { location: { display: 'STATION 7' } }, () => undefined)).toEqual({ ward: 'S7', bed: '', icu: true, unit: 'SICU' });
      expect(readPlace(own, { location: { display: 'Station 7 Bett 3' } }, () => undefined)).toMatchObject({ ward: 'Station 7 Bett', icu: false });
      expect(readPlace(own, { location: { reference: 'Location/bed' } }, (id) => places[id])).toEqual({ ward: 'Intensiv 1', bed: 'B4', icu: false });
      expect(readPlace(own, { location: { display: 'ICU 1' } }, () => undefined)).toMatchObject({ icu: true });
      for (const wrong of ['{', '[]', '{"ward":{}}', '{"wards":{"A":{"icu":"yes"}}}', '{"deathDispositions":[1]}']) {
        writeFileSync(file, wrong);
        expect(() => loadStayRules(file)).toThrow(PrimumError);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
