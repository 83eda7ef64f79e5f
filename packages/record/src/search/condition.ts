/** A condition on a row of `resource_search`. `tokens`: holds one of them. `sql` is given the row's alias. */
export type Condition =
  | { all: readonly Condition[] }
  | { any: readonly Condition[] }
  | { not: Condition }
  | { tokens: readonly bigint[] }
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
