import { PrimumError } from '@primum/base';
import type { PurposeView } from '../purpose-views/purpose-view.ts';
import type { Parameter } from './parameters.ts';
import type { Criterion, SearchQuery } from './search-query.ts';

const codes = new Set(['CodeableConcept', 'Coding', 'code', 'boolean', 'deceased']);

/**
 * Whether a purpose may search so (policies/views.json): by what it sees, and no other way, since what is found tells what
 * it was found by. Under pseudonyms that is codes alone: ids and numbers name, and dates would give away by how much a
 * patient's days are moved. Errors: policy.view-missing, policy.criterion-refused.
 */
export function demandCriteria(view: PurposeView, query: SearchQuery): void {
  for (const { type, parameter } of query.includes) demandParameter(view, type, parameter, true);
  for (const { code, parameter } of query.sort) {
    if (parameter === undefined ? view.pseudonyms || view.shiftDates : view.pseudonyms) refuse(`_sort=${code}`);
    if (parameter !== undefined) demandParameter(view, query.type, parameter);
  }
  for (const criterion of query.criteria) demandCriterion(view, query.type, criterion);
}

function demandCriterion(view: PurposeView, type: string, criterion: Criterion): void {
  if (view.types[type] === undefined) throw new PrimumError('policy.view-missing', type);
  switch (criterion.kind) {
    case 'id': return view.pseudonyms ? refuse('_id') : undefined;
    case 'last-updated': return view.shiftDates ? refuse('_lastUpdated') : undefined;
    case 'parameter':
      if (criterion.modifier === 'text' && !view.freeText) refuse(`${criterion.parameter.code}:text`);
      return demandParameter(view, type, criterion.parameter);
    case 'chain':
      demandParameter(view, type, criterion.parameter, true);
      return criterion.inner.forEach(({ type: to, criterion: inner }) => demandCriterion(view, to, inner));
    case 'has':
      demandCriterion(view, criterion.type, criterion.criterion);
      return demandParameter(view, criterion.type, criterion.parameter, true);
  }
}

/** `follows`: the reference itself tells nothing that is not shown. */
function demandParameter(view: PurposeView, type: string, { code, type: kind, sources, components, groups }: Parameter, follows = false): void {
  const elements = view.types[type];
  if (elements === undefined) throw new PrimumError('policy.view-missing', type);
  const tops = groups.length > 0 ? groups.flatMap((group) => (group === '' ? components.flatMap((component) => component.sources.map(({ path }) => path)) : [group])) : sources.flatMap(({ path, dataType }) => (dataType === 'deceased' ? ['deceasedBoolean', 'deceasedDateTime'] : [path]));
  const names = tops.map((path) => /^[A-Za-z]+/.exec(path)?.[0] ?? '');
  if (names.some((name) => !elements.includes(name) || view.yearOnly.includes(name))) refuse(code);
  if (!view.freeText && (kind === 'string' || sources.some(({ dataType }) => dataType === 'string'))) refuse(code);
  if (view.pseudonyms && !follows && (kind !== 'token' || sources.some(({ dataType }) => !codes.has(dataType)))) refuse(code);
}

function refuse(what: string): never {
  throw new PrimumError('policy.criterion-refused', what);
}
