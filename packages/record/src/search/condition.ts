/**
 * A condition on a row of `resource_search`. `tokens`: holds one of them; `rare`: few rows do (a reference, a number, a
 * name). `sql` is given the row's alias.
 */
export type Condition =
  | { all: readonly Condition[] }
  | { any: readonly Condition[] }
  | { not: Condition }
  | { tokens: readonly bigint[]; rare?: boolean }
  | { sql: (alias: string) => string };

export const never: Condition = { any: [] };

/**
 * As SQL. What stands in it are numbers, instants, row ids and names of R4's types, never a text that somebody sent: no
 * value needs to be bound, and the planner sees how frequent each token is.
 */
export function renderCondition(condition: Condition, alias: string): string {
  if ('sql' in condition) return condition.sql(alias);
  if ('tokens' in condition) return condition.tokens.length === 0 ? 'false' : `${alias}.tokens ${condition.tokens.length === 1 ? '@>' : '&&'} ${bigints(condition.tokens)}`;
  if ('not' in condition) return `not (${renderCondition(condition.not, alias)})`;
  if ('any' in condition) {
    const tokens = condition.any.flatMap((one) => ('tokens' in one ? one.tokens : []));
    const others = condition.any.filter((one) => !('tokens' in one));
    return joined(' or ', [...(tokens.length === 0 ? [] : [renderCondition({ tokens }, alias)]), ...others.map((one) => renderCondition(one, alias))], 'false');
  }
  const flat = condition.all.flatMap((one) => ('all' in one ? one.all : [one]));
  const single = flat.flatMap((one) => ('tokens' in one && one.tokens.length === 1 ? one.tokens : []));
  const others = flat.filter((one) => !('tokens' in one && one.tokens.length === 1));
  // Several that must all be there are one look into the index.
  return joined(' and ', [...(single.length === 0 ? [] : [`${alias}.tokens @> ${bigints(single)}`]), ...others.map((one) => renderCondition(one, alias))], 'true');
}

/** Whether the index of tokens leads to few rows: one part of it does, that all must meet. */
export function isNarrow(condition: Condition): boolean {
  if ('tokens' in condition) return condition.rare === true;
  if ('all' in condition) return condition.all.some(isNarrow);
  return 'any' in condition && condition.any.length > 0 && condition.any.every(isNarrow);
}

function hasTokens(condition: Condition): boolean {
  if ('any' in condition) return condition.any.length > 0 && condition.any.every(hasTokens);
  return 'tokens' in condition || ('all' in condition && condition.all.some(hasTokens));
}

/**
 * Rows of a type that meet a condition. Tokens speak of one type already; where the index of tokens is what leads to the
 * rows, the type is said in a way that no other index takes up, or the planner would read all of the type beside it.
 * `counting`: no order is asked for, so that the index of tokens is right for frequent ones too.
 */
export function rowsOfType(type: string, condition: Condition, alias: string, counting = false): string {
  const met = renderCondition(condition, alias);
  const place = isNarrow(condition) || (counting && hasTokens(condition)) ? `${alias}.type || '' = '${type}'` : `${alias}.type = '${type}'`;
  return met === 'true' ? place : `${place} and ${met}`;
}

function joined(word: string, parts: readonly string[], none: string): string {
  return parts.length === 0 ? none : parts.length === 1 ? parts[0]! : `(${parts.join(word)})`;
}

function bigints(values: readonly bigint[]): string {
  return `'{${values.join(',')}}'::bigint[]`;
}

/** A number as SQL; a bound may be open. */
export function numberSql(value: number): string {
  if (Number.isNaN(value)) return "'NaN'::float8";
  return Number.isFinite(value) ? `${value}::float8` : `'${value < 0 ? '-' : ''}Infinity'::float8`;
}

/** An instant as SQL. `end`: with all of its millisecond, as rows have microseconds. */
export function instantSql(ms: number, end = false): string {
  if (!Number.isFinite(ms)) return `'${ms < 0 ? '-' : ''}infinity'::timestamptz`;
  const text = new Date(ms).toISOString();
  return `'${end ? text.replace('Z', '999Z') : text}'::timestamptz`;
}
