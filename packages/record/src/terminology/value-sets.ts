import type { ConceptMap, ValueSet, ValueSetComposeInclude } from '@medplum/fhirtypes';
import { PrimumError } from '@primum/base';
import { holdsText, type CodeSystemSource, type Filter, type ValueSetContent, type ValueSetPart } from './concepts.ts';

/** What is known of terminology, wherever it is kept. */
export type TerminologySources = {
  codeSystem(url: string, version?: string): Promise<CodeSystemSource | undefined>;
  valueSet(url: string, version?: string): ValueSetContent | undefined;
  conceptMaps(): readonly ConceptMap[];
};

export type Member = { system: string; version: string | null; code: string; display: string };
export type Membership = { member: true; display: string; system: string } | { member: false; why: string };

export const maxExpansion = 20_000;
const maxNesting = 12;
/** Of one question: value sets may include each other so that their number grows with each level. */
const maxVisits = 1_000;

/** How deep a question is, and how many value sets it may still look into. */
type Nesting = { depth: number; left: { visits: number } };
const nestingOf = (): Nesting => ({ depth: 0, left: { visits: maxVisits } });

function deeper({ depth, left }: Nesting): Nesting {
  left.visits -= 1;
  if (depth >= maxNesting || left.visits < 0) throw new PrimumError('terminology.too-costly', 'value sets that include each other too deep');
  return { depth: depth + 1, left };
}

export function contentOf({ url = '', version, name, compose, expansion }: ValueSet): ValueSetContent {
  const part = ({ system, version: of, concept, filter = [], valueSet = [] }: ValueSetComposeInclude): ValueSetPart => ({
    ...(system === undefined ? {} : { system }), ...(of === undefined ? {} : { version: of }),
    ...(concept === undefined ? {} : { codes: concept.map(({ code = '', display }): [string, string?] => (display === undefined ? [code] : [code, display])) }),
    filters: filter.map(({ property = '', op = '', value = '' }): Filter => ({ property, op, value })), valueSets: valueSet,
  });
  // One that is stored expanded already, without what it was made of.
  const listed = compose === undefined ? Map.groupBy((expansion?.contains ?? []).filter(({ code, system }) => code !== undefined && system !== undefined), ({ system }) => system!) : new Map<string, never[]>(); // filtered just before
  return {
    url, version: version ?? null, name: name ?? null,
    include: compose?.include?.map(part) ?? [...listed].map(([system, contains]) => ({ system, codes: contains.map(({ code, display }): [string, string?] => (display === undefined ? [code!] : [code!, display])), filters: [], valueSets: [] })),
    exclude: compose?.exclude?.map(part) ?? [],
  };
}

/** All members, at most `maxExpansion` (terminology.too-costly beyond it). `text`: display or code hold it. */
export async function expandValueSet(sources: TerminologySources, content: ValueSetContent, text?: string, nesting = nestingOf()): Promise<Member[]> {
  const found = new Map<string, Member>();
  for (const part of content.include) for (const member of await membersOf(sources, part, text, nesting)) found.set(`${member.system}|${member.code}`, member);
  // What is excluded by its code is so under any display.
  for (const part of content.exclude) for (const { system, code } of await membersOf(sources, part, part.codes === undefined ? text : undefined, nesting)) found.delete(`${system}|${code}`);
  if (found.size > maxExpansion) throw new PrimumError('terminology.too-costly', `more than ${maxExpansion} codes`);
  return [...found.values()];
}

/** Expansions of the value sets that were asked for last, kept for a minute: a form asks for the same ones again and again. */
export type Expansions = { expand(content: ValueSetContent, text?: string): Promise<Member[]>; clear(): void };

const mostKept = 50;
const keptMs = 60_000;

/** One that was sent along and has no address is not kept. */
export function createExpansions(sources: TerminologySources, now: () => number): Expansions {
  const kept = new Map<string, { until: number; members: Member[] }>();
  return {
    expand: async (content, text) => {
      const key = `${content.url}|${content.version ?? ''}|${text ?? ''}`;
      // Held against what is known by its address: a definition of the same address may have come along.
      const known = content.url !== '' && sources.valueSet(content.url) === content;
      const before = known ? kept.get(key) : undefined;
      if (before !== undefined && before.until > now()) return before.members;
      const members = await expandValueSet(sources, content, text);
      if (!known) return members;
      kept.delete(key);
      kept.set(key, { until: now() + keptMs, members });
      if (kept.size > mostKept) kept.delete(kept.keys().next().value!); // more than none
      return members;
    },
    clear: () => { kept.clear(); },
  };
}

async function membersOf(sources: TerminologySources, part: ValueSetPart, text: string | undefined, nesting: Nesting): Promise<Member[]> {
  const nested: Member[][] = [];
  for (const url of part.valueSets) nested.push(await expandValueSet(sources, valueSetOf(sources, url), text, deeper(nesting)));
  // Of several value sets in one include what is in all of them (FHIR R4, ValueSet.compose.include.valueSet).
  const common = nested.length === 0 ? undefined : nested.reduce((all, next) => {
    const keys = new Set(next.map(({ system, code }) => `${system}|${code}`));
    return all.filter(({ system, code }) => keys.has(`${system}|${code}`));
  });
  if (part.system === undefined) return common ?? [];
  const own = await ofSystem(sources, part, part.system, text);
  if (common === undefined) return own;
  const keys = new Set(common.map(({ system, code }) => `${system}|${code}`));
  return own.filter(({ system, code }) => keys.has(`${system}|${code}`));
}

async function ofSystem(sources: TerminologySources, part: ValueSetPart, system: string, text: string | undefined): Promise<Member[]> {
  const source = await sources.codeSystem(system, part.version);
  const version = source?.version ?? part.version ?? null;
  if (part.withheld === true || (part.codes === undefined && source === undefined)) throw new PrimumError('terminology.system-missing', safeUrl(system));
  if (part.codes !== undefined) {
    const missing = part.codes.filter(([, display]) => display === undefined).map(([code]) => code);
    const known = new Map((await source?.find(missing) ?? []).map((concept) => [concept.code, concept.display]));
    return part.codes.map(([code, display]): Member => ({ system, version, code, display: display ?? known.get(code) ?? code })).filter((member) => holdsText(member, text));
  }
  const concepts = await source!.list({ filters: part.filters, ...(text === undefined ? {} : { text }), limit: maxExpansion + 1 }); // thrown before where there is none
  return concepts.map(({ code, display }) => ({ system, version, code, display }));
}

/** Whether a code is in a value set, without listing it. No system: of whichever system it has. */
export async function inValueSet(sources: TerminologySources, content: ValueSetContent, coding: { system?: string; code: string }, nesting = nestingOf()): Promise<Membership> {
  let member: Membership = { member: false, why: 'not in the value set' };
  for (const part of content.include) {
    const one = await inPart(sources, part, coding, nesting);
    if (!one.member) continue;
    member = one;
    break;
  }
  if (!member.member) return member;
  for (const part of content.exclude) if ((await inPart(sources, part, { system: member.system, code: coding.code }, nesting)).member) return { member: false, why: 'excluded from the value set' };
  return member;
}

async function inPart(sources: TerminologySources, part: ValueSetPart, coding: { system?: string; code: string }, nesting: Nesting): Promise<Membership> {
  const no: Membership = { member: false, why: 'not in the value set' };
  let nested: Membership | undefined;
  for (const url of part.valueSets) {
    nested = await inValueSet(sources, valueSetOf(sources, url), coding, deeper(nesting));
    if (!nested.member) return no;
  }
  if (part.system === undefined) return nested ?? no;
  if (coding.system !== undefined && coding.system !== part.system) return no;
  const source = await sources.codeSystem(part.system, part.version);
  if (part.withheld === true || (part.codes === undefined && source === undefined)) throw new PrimumError('terminology.system-missing', safeUrl(part.system));
  if (part.codes !== undefined) {
    const listed = part.codes.find(([code]) => code === coding.code);
    if (listed === undefined) return no;
    return { member: true, system: part.system, display: listed[1] ?? (await source?.find([coding.code]))?.[0]?.display ?? coding.code };
  }
  const [concept] = await source!.find([coding.code]); // thrown before where there is none
  return concept !== undefined && await source!.meets(coding.code, part.filters) ? { member: true, system: part.system, display: concept.display } : no;
}

function valueSetOf(sources: TerminologySources, canonical: string): ValueSetContent {
  const [url = '', version] = canonical.split('|');
  const found = sources.valueSet(url, version);
  if (found === undefined) throw new PrimumError('terminology.value-set-missing', safeUrl(url));
  return found;
}

/** A canonical address is no patient's value, but it comes from outside. */
export function safeUrl(url: string): string {
  return /^[A-Za-z0-9:/._#%~-]{1,200}$/.test(url) ? url : '?';
}
