import type { Encounter, Location } from '@medplum/fhirtypes';
import { targetOf } from '../search/reference-target.ts';
import type { StayLocation } from './stay-event.ts';
import type { StayRules, WardRule } from './stay-rules.ts';

export type EncounterLocation = NonNullable<Encounter['location']>[number];

/** The Location that a reference names; undefined where it is not on record. */
type FindLocation = (id: string) => Location | undefined;

/** Places within each other that are looked at: bed, room, ward, and some more. */
export const deepestPlace = 5;
/** The columns are in clear and indexed; names of wards and beds are shorter. */
const longestName = 64;
const clipped = (text: string): string => text.slice(0, longestName);

/**
 * Where one entry of Encounter.location says that a patient lies. By the Location resource, where it is on record: the bed
 * is the one of physicalType `bd` (or the room, `ro`), the ward that of `wa`, or the first around them that is neither; an
 * ICU is what `rules` say of a type or a name on that way. Else by the display: its last word, where that holds a digit, is the bed.
 */
export function readPlace(rules: StayRules, entry: EncounterLocation, find: FindLocation): StayLocation {
  const way = wayOf(entry, find);
  if (way.length === 0) {
    const words = entry.location.display ?? '';
    return physical(entry.physicalType) === 'bd' ? { ward: '', bed: clipped(words), icu: false } : placeOf(rules, words, { whole: physical(entry.physicalType) === 'wa' });
  }
  const bed = way.find((place) => physical(place.physicalType) === 'bd') ?? way.find((place) => physical(place.physicalType) === 'ro');
  const ward = way.find((place) => physical(place.physicalType) === 'wa') ?? way.find((place) => !['bd', 'ro'].includes(physical(place.physicalType) ?? ''));
  const type = typeRule(rules, ward === undefined ? way : way.slice(0, way.indexOf(ward) + 1));
  if (ward === undefined || bed === undefined) return placeOf(rules, nameOf(ward ?? bed), { whole: physical(ward?.physicalType) === 'wa', type });
  const [around, name] = [nameOf(ward), nameOf(bed)];
  return { ...placeOf(rules, around, { whole: true, type }), bed: clipped((name.toLowerCase().startsWith(`${around.toLowerCase()} `) ? name.slice(around.length) : name).trim()) };
}

/** The place and what it is part of, innermost first. */
function wayOf(entry: EncounterLocation, find: FindLocation): Location[] {
  const way: Location[] = [];
  let at: unknown = entry.location.reference;
  while (way.length < deepestPlace) {
    const target = targetOf(at);
    const place = target?.type === 'Location' ? find(target.id) : undefined;
    if (place === undefined || way.includes(place)) break;
    way.push(place);
    at = place.partOf?.reference;
  }
  return way;
}

/** A ward, and a bed where the words hold one (`whole`: they are a ward's name). A name that is listed goes before the type. */
function placeOf(rules: StayRules, text: string, { whole, type }: { whole: boolean; type?: WardRule | undefined }): StayLocation {
  const words = text.trim().replace(/\s+/g, ' ');
  const [, before = '', last = ''] = whole || rules.wards.has(words.toLowerCase()) ? [] : /^(.+) (\S*\d\S*)$/.exec(words) ?? [];
  const ward = before === '' ? words : before;
  const rule = rules.wards.get(ward.toLowerCase()) ?? type;
  return { ward: clipped(rule?.ward ?? ward), bed: clipped(last), icu: rule?.icu ?? false, ...(rule?.unit === undefined ? {} : { unit: rule.unit }) };
}

function typeRule(rules: StayRules, way: readonly Location[]): WardRule | undefined {
  for (const place of way) {
    for (const { system = '', code = '' } of (place.type ?? []).flatMap(({ coding = [] }) => coding)) {
      const rule = rules.icuTypes.get(`${system}|${code}`);
      if (rule !== undefined) return rule;
    }
  }
  return undefined;
}

const physical = (type: Location['physicalType']): string | undefined => type?.coding?.find(({ code }) => code !== undefined)?.code;
const nameOf = (place: Location | undefined): string => place?.name ?? place?.alias?.[0] ?? place?.identifier?.[0]?.value ?? '';

/** Several entries for one time are parts of one place (a ward, and a bed in it); of different wards the first counts. */
export function joinPlaces(places: readonly StayLocation[]): StayLocation {
  const ward = places.find((place) => place.ward !== '')?.ward ?? '';
  const parts = places.filter((place) => place.ward === '' || place.ward === ward);
  const unit = parts.find((place) => place.unit !== undefined)?.unit;
  return { ward, bed: parts.find(({ bed }) => bed !== '')?.bed ?? '', icu: parts.some(({ icu }) => icu), ...(unit === undefined ? {} : { unit }) };
}
