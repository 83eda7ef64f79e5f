import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Resource } from '@medplum/fhirtypes';
import { shippedPolicies, type Purpose } from '@primum/trust';

/** What one purpose may see of FHIR (policies/views.json). */
export type PurposeView = {
  pseudonyms: boolean;
  shiftDates: boolean;
  /** False: no narrative, note, comment, text or string value, at any depth. */
  freeText: boolean;
  yearOnly: readonly string[];
  /** Elements by resource type, beside `resourceType`, `id` and `meta`. */
  types: Readonly<Record<string, readonly string[]>>;
};

export type PurposeViews = Partial<Record<Purpose, PurposeView>>;

/** How a project sees ids and days; both keyed, so that nobody without the key finds the way back. */
export type Disguise = { pseudonym(type: string, id: string): string; /** Whole days, of one patient. */ shiftDays: number; /** Today, for the oldest. */ now: Date };

export function loadPurposeViews(file = join(shippedPolicies, 'views.json')): PurposeViews {
  const { about: _about, ...views } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>; // ours, under version control and test
  return views as PurposeViews; // as above
}

/** Names of elements that hold text which somebody wrote, wherever they stand. */
const written = new Set(['text', 'note', 'comment', 'description', 'valueString', 'valueMarkdown', 'patientInstruction', 'div', 'extension', 'modifierExtension', 'contained', 'fhir_comments']);
/** HIPAA Safe Harbor, 45 CFR 164.514(b)(2)(i)(C): ages over 89 are one class, so an older birth year is left out. */
const oldestAge = 89;

/**
 * A resource as a purpose sees it; null where the purpose sees none of this type. References follow their targets'
 * pseudonyms; one that is not `Type/id` is left out where pseudonyms are asked for, and so is what it displays. Dates
 * are moved by whole days, which keeps intervals and times of day; a partial date keeps its year.
 */
export function viewFor(view: PurposeView, resource: Resource, disguise: Disguise): Record<string, unknown> | null {
  const elements = view.types[resource.resourceType];
  if (elements === undefined) return null;
  const { resourceType, id = '', meta } = resource;
  const entries = Object.entries(resource).flatMap(([name, value]: [string, unknown]): [string, unknown][] => {
    if (!elements.includes(name)) return [];
    if (view.yearOnly.includes(name)) {
      const year = yearOf(value, disguise.now);
      return year === null ? [] : [[name, year]];
    }
    const shown = walk(view, value, disguise);
    return shown === undefined ? [] : [[name, shown]];
  });
  return {
    resourceType,
    id: view.pseudonyms ? disguise.pseudonym(resourceType, id) : id,
    meta: {
      ...(meta?.versionId === undefined ? {} : { versionId: meta.versionId }),
      ...(view.pseudonyms ? { security: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue', code: 'PSEUDED' }] } : { tag: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue', code: 'SUBSETTED' }] }),
    },
    ...Object.fromEntries(entries),
  };
}

function walk(view: PurposeView, value: unknown, disguise: Disguise): unknown {
  if (Array.isArray(value)) {
    const kept = value.map((one) => walk(view, one, disguise)).filter((one) => one !== undefined);
    return kept.length === 0 ? undefined : kept;
  }
  if (typeof value === 'string') return view.shiftDates && isInstant(value) ? shifted(value, disguise.shiftDays) : value;
  if (typeof value !== 'object' || value === null) return value;
  const { reference } = value as { reference?: unknown };
  if (view.pseudonyms && (typeof reference === 'string' || 'identifier' in value)) return referenceOf(reference, disguise);
  const entries = Object.entries(value).flatMap(([name, inner]: [string, unknown]): [string, unknown][] => {
    if (!view.freeText && written.has(name)) return [];
    const shown = walk(view, inner, disguise);
    return shown === undefined ? [] : [[name, shown]];
  });
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

function referenceOf(reference: unknown, { pseudonym }: Disguise): { reference: string } | undefined {
  const [, type, id] = typeof reference === 'string' ? /^([A-Z][A-Za-z]+)\/([A-Za-z0-9.-]{1,64})$/.exec(reference) ?? [] : [];
  return type === undefined || id === undefined ? undefined : { reference: `${type}/${pseudonym(type, id)}` };
}

const isInstant = (text: string): boolean => /^\d{4}(-\d{2}(-\d{2}(T\d{2}:\d{2}.*)?)?)?$/.test(text);

function shifted(text: string, days: number): string {
  if (text.length < 10) return text.slice(0, 4);
  const day = new Date(`${text.slice(0, 10)}T00:00:00Z`);
  if (Number.isNaN(day.getTime())) return text.slice(0, 4);
  day.setUTCDate(day.getUTCDate() + days);
  return `${day.toISOString().slice(0, 10)}${text.slice(10)}`;
}

function yearOf(value: unknown, now: Date): string | null {
  const year = typeof value === 'string' ? /^\d{4}/.exec(value)?.[0] : undefined;
  return year === undefined || now.getUTCFullYear() - Number(year) > oldestAge ? null : year;
}
