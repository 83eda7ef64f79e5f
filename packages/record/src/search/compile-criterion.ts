import { PrimumError } from '@primum/base';
import { bornWithin } from './born-tokens.ts';
import { comparisonSql, soughtDate, soughtNumber, type Sought } from './comparison.ts';
import { instantSql, isNarrow, never, numberSql, renderCondition, rowsOfType, type Condition } from './condition.ts';
import { hasFixedSystem, normaliseContact } from './collectors.ts';
import { leadsTo } from './parse-search.ts';
import type { Merged } from './merged-patients.ts';
import { mainDateOf, type Parameter, type Source } from './parameters.ts';
import { canonicalQuantity, ucum } from './quantities.ts';
import { quantityParam } from './quantity-ranges.ts';
import { targetOf } from './reference-target.ts';
import { splitUnescaped, unescapeValue, type Criterion } from './search-query.ts';
import { referenceTokenSql, type SearchTokens } from './search-tokens.ts';
import { normaliseString, prefixSought } from './string-keys.ts';

/** Resources that one chain may lead over; beyond them a search is too wide. */
const maxLinked = 20_000;

export type CompileDeps = {
  tenant: number;
  tokens: SearchTokens;
  now: Date;
  /** Address of this server: references below it are to this record. */
  base: string;
  /** Row id of a FHIR id. */
  rowId(type: string, id: string): string;
  /** Where what refers to a merged record is looked for, too; a subscription hears of the record that it names. */
  merged?: Merged;
  /** Joins and condition under which the caller may see rows of this alias; the same for every row that a criterion looks at. */
  visible(alias: string, narrow: boolean): { join: string; condition: string };
};

/** A criterion that is decided on opened resources: what a row shows of it is not enough. */
export function needsOpening(criterion: Criterion): boolean {
  return criterion.kind === 'parameter' && (criterion.modifier === 'text' || criterion.modifier === 'contains');
}

/** A criterion as a condition on rows of the type. What is decided on opened resources (`needsOpening`) lets pass whatever has a value. */
export function compileCriterion(deps: CompileDeps, type: string, criterion: Criterion, depth = 0): Condition {
  switch (criterion.kind) {
    case 'id': {
      const ids = criterion.alternatives.map((id) => `'${deps.rowId(type, unescapeValue(id))}'`);
      return { sql: (alias) => `${alias}.id in (${ids.join(', ')})` };
    }
    case 'last-updated': return { any: criterion.alternatives.map((text) => comparison(soughtDate('_lastUpdated', text, deps.now), (alias) => [`${alias}.recorded_at`, `${alias}.recorded_at`])) };
    case 'chain': return chained(deps, criterion, depth);
    case 'has': return referred(deps, type, criterion, depth);
    case 'parameter': return ofParameter(deps, type, criterion);
  }
}

const comparison = (sought: Sought, ends: (alias: string) => readonly [string, string]): Condition => ({
  sql: (alias) => comparisonSql(sought, ...ends(alias), instantSql),
});

function ofParameter(deps: CompileDeps, type: string, { parameter, modifier, alternatives }: Extract<Criterion, { kind: 'parameter' }>): Condition {
  if (modifier === 'missing') {
    const present = presence(deps, parameter);
    return alternatives[0] === 'true' ? { not: present } : present;
  }
  if (modifier === 'text' || modifier === 'contains') return presence(deps, parameter);
  const any: Condition = { any: alternatives.map((text) => alternative(deps, type, parameter, modifier, text)) };
  return modifier === 'not' ? { not: any } : any;
}

function presence({ tokens }: CompileDeps, { sources, groups, code }: Parameter): Condition {
  if (groups.length > 0) throw new PrimumError('fhir.not-supported', `${code}:missing`);
  return { tokens: sources.map((source) => tokens.of(source.place, 'present', source.target ?? '')) };
}

function alternative(deps: CompileDeps, type: string, parameter: Parameter, modifier: string | undefined, text: string): Condition {
  const { tokens } = deps;
  const { sources, code } = parameter;
  const each = (of: (source: Source) => readonly bigint[], rare = false): Condition => ({ tokens: sources.flatMap(of), rare });
  switch (parameter.type) {
    case 'token': return each((source) => tokenSought(tokens, source, code, modifier, text), sources.every(({ dataType }) => dataType === 'Identifier' || dataType === 'ContactPoint') && !text.endsWith('|'));
    case 'string': {
      const value = unescapeValue(text);
      if (modifier === 'exact') return each(({ place }) => [tokens.of(place, 'exact', value)], true);
      if (normaliseString(value) === '') throw new PrimumError('fhir.parameter-invalid', `${code}: empty`);
      return each(({ place }) => [tokens.of(place, 'prefix', prefixSought(value))], value.length > 2);
    }
    case 'uri': return each(({ place }) => [tokens.of(place, modifier === 'below' ? 'below' : 'uri', unescapeValue(text))]);
    case 'reference': return referenceSought(deps, parameter, modifier, unescapeValue(text));
    case 'date': return dateSought(deps, type, parameter, text);
    case 'number': return ranged(soughtNumber(code, text), sources.map(({ place }) => tokens.rangeParam(place, 'number', '')));
    case 'quantity': return quantitySought(deps, code, sources.map(({ place }) => place), text);
    case 'composite': return compositeSought(deps, type, parameter, text);
  }
}

function tokenSought(tokens: SearchTokens, source: Source, code: string, modifier: string | undefined, text: string): bigint[] {
  const parts = splitUnescaped(text, '|').map(unescapeValue);
  if (modifier === 'of-type') {
    if (parts.length !== 3 || source.dataType !== 'Identifier') throw new PrimumError('fhir.parameter-invalid', `${code}:of-type is system|code|value of an identifier`);
    return [tokens.of(source.place, 'typed', parts.join('|'))];
  }
  if (parts.length > 2) throw new PrimumError('fhir.parameter-invalid', `${code}: more than system|code`);
  const value = source.dataType === 'ContactPoint' ? normaliseContact(parts.at(-1)!) : parts.at(-1)!; // one part at least
  const { place } = source;
  if (hasFixedSystem(source.dataType)) {
    if (parts.length === 2 && parts[0] !== (source.system ?? '') && source.dataType !== 'ContactPoint') return [];
    return [value === '' ? tokens.of(place, 'present', '') : tokens.of(place, 'bare', value)];
  }
  if (parts.length === 1) return [tokens.of(place, 'bare', value)];
  if (value === '') return parts[0] === '' ? [] : [tokens.of(place, 'system', parts[0]!)];
  return [tokens.of(place, 'code', `${parts[0]}|${value}`)];
}

const local = /^(?:([A-Z][A-Za-z]+)\/)?([A-Za-z0-9.-]{1,64})$/;

function referenceSought(deps: CompileDeps, parameter: Parameter, modifier: string | undefined, value: string): Condition {
  const { tokens, base } = deps;
  const { sources, code } = parameter;
  if (modifier === 'identifier') return { tokens: sources.map(({ place }) => tokens.of(place, 'logical', value)) };
  const text = value.startsWith(`${base}/`) ? value.slice(base.length + 1) : value;
  const [, named, id] = local.exec(text) ?? [];
  if (id === undefined) return { tokens: sources.map(({ place }) => tokens.of(place, 'uri', value)) };
  if (named !== undefined && modifier !== undefined && named !== modifier) throw new PrimumError('fhir.parameter-invalid', `${code}: two types`);
  const types = named ?? modifier;
  return { rare: true, tokens: sources.flatMap(({ place, target, dataType }) => {
    if (dataType !== 'Reference') return [tokens.of(place, 'uri', value)];
    return (types === undefined ? (target === undefined ? leadsTo(parameter) : [target]) : target === undefined || target === types ? [types] : []).flatMap((type) => [id, ...(type === 'Patient' ? deps.merged?.(deps.rowId('Patient', id)) ?? [] : [])].map((one) => tokens.reference(place, type, one)));
  }) };
}

function ranged(sought: Sought, params: readonly number[], literal: (value: number, end: boolean) => string = numberSql): Condition {
  if (params.length === 0) return never;
  return { sql: (alias) => `exists (select from unnest(${alias}.range_param, ${alias}.range_lo, ${alias}.range_hi) as u(p, lo, hi) where u.p ${params.length === 1 ? `= ${params[0]}` : `in (${params.join(', ')})`} and ${comparisonSql(sought, 'u.lo', 'u.hi', literal)})` };
}

function dateSought(deps: CompileDeps, type: string, parameter: Parameter, text: string): Condition {
  const { tokens, now } = deps;
  const sought = soughtDate(parameter.code, text, now);
  const born = parameter.sources.filter(({ path }) => path === 'birthDate');
  const conditions: Condition[] = born.map(({ place }) => {
    const { born: parts, whole } = bornWithin(sought, now);
    return { tokens: [...parts.map((part) => tokens.of(place, 'born', part)), ...whole.map((part) => tokens.of(place, 'whole', part))] };
  });
  if (parameter.code === mainDateOf(type)) return ofMainDate(sought);
  const others = parameter.sources.filter(({ path }) => path !== 'birthDate');
  if (others.length > 0) {
    // That there is a date at all is in the index, which dates are not.
    conditions.push({ all: [{ tokens: others.map(({ place, target }) => tokens.of(place, 'present', target ?? '')) }, ranged(sought, others.map(({ place }) => tokens.rangeParam(place, 'date', '')))] });
  }
  return { any: conditions };
}

/** Both columns are null where there is no date, one of them where the period is open; each bound is said so that an index serves it. */
function ofMainDate(sought: Sought): Condition {
  const from = instantSql(sought.lo);
  const to = instantSql(sought.hi, true);
  return { sql: (alias) => {
    const [lo, hi] = [`coalesce(${alias}.at, '-infinity')`, `coalesce(${alias}.at_end, 'infinity')`];
    const there = `(${alias}.at is not null or ${alias}.at_end is not null)`;
    const within = `${lo} >= ${from} and ${lo} <= ${to} and ${hi} <= ${to}`;
    switch (sought.prefix) {
      case 'eq': return `(${within})`;
      case 'ne': return `(${there} and not (${within}))`;
      case 'gt': return `(${hi} > ${to} and ${there})`;
      case 'ge': return `(${hi} >= ${from} and (${hi} > ${to} or (${within})) and ${there})`;
      case 'lt': return `(${lo} < ${from} and ${there})`;
      case 'le': return `(${lo} <= ${to} and (${lo} < ${from} or (${within})) and ${there})`;
      case 'sa': return `(${lo} > ${to})`;
      case 'eb': return `(${hi} < ${from})`;
      case 'ap': return `(${lo} <= ${to} and ${hi} >= ${from} and ${there})`;
    }
  } };
}

/** `[prefix]number|system|code`; the places may be those of a group's codes. */
function quantitySought({ tokens }: CompileDeps, code: string, places: readonly string[], text: string): Condition {
  const [number = '', system, unit] = splitUnescaped(text, '|').map(unescapeValue);
  const sought = soughtNumber(code, number);
  const params = (kind: 'value' | 'unit', of: string): number[] => places.map((place) => quantityParam(tokens, place, kind, of));
  if (unit === undefined || unit === '') return ranged(sought, params('value', ''));
  const [lo, hi] = [canonicalQuantity(sought.lo, unit), canonicalQuantity(sought.hi, unit)];
  const canonical = (system === ucum || system === '') && lo !== null && hi !== null
    ? ranged({ ...sought, lo: Math.min(lo.value, hi.value), hi: Math.max(lo.value, hi.value) }, places.map((place) => quantityParam(tokens, place, 'canonical', lo.dimension))) : never;
  if (system === ucum && canonical !== never) return canonical;
  return { any: [canonical, ranged(sought, params('unit', system === '' || system === undefined || system === ucum ? unit : `${system}|${unit}`))] };
}

/** Parts of the resource itself stand once in it, so that each may be asked for itself; those of a repeated element must stand together. */
function compositeSought(deps: CompileDeps, type: string, { code, groups, components }: Parameter, text: string): Condition {
  const parts = splitUnescaped(text, '$');
  const [first, second] = components;
  if (parts.length !== 2 || first === undefined || second === undefined || parts.includes('')) throw new PrimumError('fhir.parameter-invalid', `${code} is two values joined by $`);
  return { any: groups.map((group): Condition => {
    if (group === '') {
      return { all: [first, second].map((component, index) => {
        const asked: Parameter = { ...component, expression: '', targets: [], groups: [], components: [], sources: component.sources.map((source) => ({ ...source, place: `${type}.${source.path}` })) };
        return alternative(deps, type, asked, undefined, parts[index]!);
      }) };
    }
    const place = `${type}.${group}`;
    const codeForm = unescapeValue(parts[0]!);
    if (second.type === 'quantity') return quantitySought(deps, code, second.sources.map(({ path }) => `${place}|${codeForm}|${path}`), parts[1]!);
    const value = unescapeValue(parts[1]!);
    const target = second.type === 'reference' ? targetOf(value) : null;
    return { tokens: [deps.tokens.of(place, 'group', `${codeForm}$${target === null ? value : `${target.type}/${target.id}`}`)] };
  }) };
}

/**
 * The tokens of all that an inner search finds, gathered once: the index is then asked for any of them. More than
 * `maxLinked` divide by zero, which the caller tells as fhir.search-too-wide: a cut list would be a wrong answer.
 */
function gathered(deps: CompileDeps, type: string, inner: Condition, depth: number, value: (alias: string) => string, bound = ''): (cast: string) => string {
  const alias = `t${depth}`;
  const { join, condition } = deps.visible(alias, isNarrow(inner));
  return (cast) => `(select coalesce(array_agg(v), '{}') || case when count(*) > ${maxLinked} then array[(1 / (count(*) * 0))::text]::${cast}[] else '{}'::${cast}[] end from (
    select distinct ${value(alias)} as v from resource_search ${alias} ${join}
    where ${alias}.tenant = ${deps.tenant} and ${rowsOfType(type, inner, alias)} and ${condition}${bound} limit ${maxLinked + 1}) g)`;
}

function chained(deps: CompileDeps, { parameter, inner }: Extract<Criterion, { kind: 'chain' }>, depth: number): Condition {
  return { any: inner.flatMap(({ type, criterion }): Condition[] => {
    const found = compileCriterion(deps, type, criterion, depth + 1);
    return parameter.sources.filter(({ dataType, target }) => dataType === 'Reference' && (target === undefined || target === type)).map(({ place }) => {
      const tokens = gathered(deps, type, found, depth, (alias) => referenceTokenSql(place, type, `${alias}.id`));
      return { sql: (alias) => `${alias}.tokens && ${tokens('bigint')}` };
    });
  }) };
}

/** Elements in which one patient stands, whom the row names: see `patientIdOf`. */
const ofOnePatient = /^[A-Za-z]+\.(subject|patient|beneficiary|for|individual)$/;
const ofSeveral = new Set(['Account', 'Appointment', 'AppointmentResponse', 'Provenance', 'Group']);

function referred(deps: CompileDeps, target: string, { type, parameter, criterion }: Extract<Criterion, { kind: 'has' }>, depth: number): Condition {
  const found = compileCriterion(deps, type, criterion, depth + 1);
  return { any: parameter.sources.filter((source) => source.dataType === 'Reference' && (source.target === undefined || source.target === target)).map(({ place }): Condition => {
    if (target === 'Patient' && ofOnePatient.test(place) && !ofSeveral.has(type)) {
      const ids = gathered(deps, type, found, depth, (alias) => `${alias}.patient_id`, ` and t${depth}.tokens @> array[${referenceTokenSql(place, target, `t${depth}.patient_id`)}]`);
      return { sql: (alias) => `${alias}.id = any(${ids('uuid')}::uuid[])` };
    }
    const alias = `t${depth}`;
    const { join, condition } = deps.visible(alias, true);
    return { sql: (outer) => `exists (select from resource_search ${alias} ${join} where ${alias}.tenant = ${deps.tenant} and ${alias}.type || '' = '${type}'
      and ${alias}.tokens @> array[${referenceTokenSql(place, target, `${outer}.id`)}] and ${renderCondition(found, alias)} and ${condition})` };
  }) };
}
