import type { Expr, ResidualResponse } from '@cedar-policy/cedar-wasm/nodejs';
import { assert } from '@primum/base';
import { nodeOf } from './fragment.ts';
import { self } from './cedar-request.ts';

/**
 * A condition on rows of the view `patient_facts`, with its bound values. `treatedOnly`: it can let pass only patients whom
 * a unit treats now or an emergency access is open for, so that a list may begin with these few.
 */
export type RowFilter = { sql: string; values: unknown[]; treatedOnly?: true };

/** How the condition is put into a statement: the view's alias there, and the number of the first parameter that is free. */
export type FilterPlace = { alias: string; from: number };

/** The view's columns of a patient's attributes; none is ever null, nor any element of a set. */
const columns: Readonly<Record<string, { name: string; set: boolean }>> = {
  careUnits: { name: 'care_units', set: true },
  emergencyFor: { name: 'emergency_for', set: true },
  restricted: { name: 'restricted', set: false },
  aiOptOut: { name: 'ai_opt_out', set: false },
  researchOptOut: { name: 'research_opt_out', set: false },
  vip: { name: 'vip', set: false },
};

/** What is left of the policies for an unknown patient, by policy: allowed where a permit holds and no forbid does. */
export type Residual = { permits: Remnant[]; forbids: Remnant[] };
type Remnant = { id: string; body: Expr };

export function residualOf({ errored, residuals }: ResidualResponse): Residual {
  assert(errored.length === 0, 'a policy errs; strict validation lets none pass that could');
  const bodies = (effect: 'permit' | 'forbid'): Remnant[] => Object.entries(residuals).filter(([, policy]) => policy.effect === effect).map(([id, { conditions }]) => {
    // Cedar writes a residual as one `when`.
    assert(conditions.length === 1 && conditions[0]!.kind === 'when', 'a residual has one condition');
    return { id, body: conditions[0]!.body };
  });
  return { permits: bodies('permit'), forbids: bodies('forbid') };
}

/** Compiles a residual to SQL; total over the fragment that `outsideFragment` lets pass. */
export function toSql(residual: Residual, { alias, from }: FilterPlace, userId: string | null): RowFilter {
  const write = (expression: Expr): Written => {
    const { operator, parts } = nodeOf(expression);
    const side = (name: string): Written => write(parts[name] as Expr); // as Cedar's JSON format has them
    switch (operator) {
      case 'Value': return literal(parts['value'], userId);
      case 'Set': return setOf((parts['value'] as Expr[]).map(write)); // a list of expressions
      case '&&': return both('and', side('left'), side('right'));
      case '||': return both('or', side('left'), side('right'));
      case '!': return not(side('arg'));
      case '==': return equal(side('left'), side('right'));
      case '!=': return not(equal(side('left'), side('right')));
      case 'contains': return infix(side('right'), '= any', side('left'));
      case 'containsAny': return infix(side('left'), '&&', side('right'));
      case 'containsAll': return infix(side('left'), '@>', side('right'));
      case 'isEmpty': {
        const arg = side('arg');
        return { sql: (bind) => `cardinality(${arg.sql(bind)}) = 0` };
      }
      case 'is': return truth(parts['entity_type'] === 'Patient');
      case '.': {
        const column = columns[String(parts['attr'])];
        assert(column !== undefined, 'an attribute without a column');
        return { sql: () => `${alias}.${column.name}`, set: column.set };
      }
      default: throw new Error(`not of the fragment: ${operator}`);
    }
  };
  const any = (remnants: readonly Remnant[]): Written => remnants.map(({ body }) => write(body)).reduce((one, other) => both('or', one, other), truth(false));
  const values: unknown[] = [];
  const sql = both('and', any(residual.permits), not(any(residual.forbids))).sql((value, type) => {
    values.push(value);
    return `$${from + values.length - 1}::${type}`;
  });
  return { sql, values };
}

/** Whether a residual lets everybody pass, whatever is so of them, and by no policy that may say another purpose. */
export function letsPassAll({ permits, forbids }: Residual, saysPurpose: (id: string) => boolean): boolean {
  const says = (residual: Residual): string => toSql(residual, { alias: 'f', from: 1 }, null).sql;
  return says({ permits, forbids }) === 'true' && permits.every((one) => !saysPurpose(one.id) || says({ permits: [one], forbids: [] }) === 'false');
}

/** Whether a residual refuses everybody whom no unit treats and no emergency access is open for, whatever else is so of them. */
export function refusesUntreated({ permits, forbids }: Residual): boolean {
  return permits.every(({ body }) => ofUntreated(body) === false) || forbids.some(({ body }) => ofUntreated(body) === true);
}

/** What a condition is where both sets are empty: known, or undefined where it rests on more. */
function ofUntreated(expression: Expr): boolean | undefined {
  const { operator, parts } = nodeOf(expression);
  const side = (name: string): Expr => parts[name] as Expr; // as Cedar's JSON format has them
  const sides = (): (boolean | undefined)[] => [ofUntreated(side('left')), ofUntreated(side('right'))];
  switch (operator) {
    case 'Value': return typeof parts['value'] === 'boolean' ? parts['value'] : undefined;
    case '&&': return sides().includes(false) ? false : sides().includes(undefined) ? undefined : true;
    case '||': return sides().includes(true) ? true : sides().includes(undefined) ? undefined : false;
    case '!': {
      const inner = ofUntreated(side('arg'));
      return inner === undefined ? undefined : !inner;
    }
    case 'contains': return isEmptySet(side('left')) ? false : undefined;
    case 'containsAny': return isEmptySet(side('left')) || isEmptySet(side('right')) ? false : undefined;
    case 'isEmpty': return isEmptySet(side('arg')) ? true : undefined;
    case 'is': return parts['entity_type'] === 'Patient';
    default: return undefined;
  }
}

function isEmptySet(expression: Expr): boolean {
  const { operator, parts } = nodeOf(expression);
  if (operator === '.') return parts['attr'] === 'careUnits' || parts['attr'] === 'emergencyFor';
  return (operator === 'Value' || operator === 'Set') && Array.isArray(parts['value']) && parts['value'].length === 0;
}

type Bind = (value: unknown, type: string) => string;
/** A part of the condition, put into words only if it is still needed then: a value that nothing mentions can't be bound. */
type Written = { sql(bind: Bind): string; /** The value, where it does not depend on the row. */ known?: boolean; set?: boolean };

const truth = (known: boolean): Written => ({ sql: () => String(known), known });
const infix = (left: Written, operator: string, right: Written): Written => ({ sql: (bind) => `(${left.sql(bind)} ${operator} (${right.sql(bind)}))` });

function both(word: 'and' | 'or', left: Written, right: Written): Written {
  const neutral = word === 'and';
  if (left.known === !neutral || right.known === !neutral) return truth(!neutral);
  if (left.known === neutral) return right;
  if (right.known === neutral) return left;
  return { sql: (bind) => `(${left.sql(bind)} ${word} ${right.sql(bind)})` };
}

function not(inner: Written): Written {
  return inner.known === undefined ? { sql: (bind) => `not (${inner.sql(bind)})` } : truth(!inner.known);
}

/** Sets are equal when each holds the other: Cedar's sets know neither order nor repetition. */
function equal(left: Written, right: Written): Written {
  return left.set === true ? both('and', infix(left, '@>', right), infix(left, '<@', right)) : infix(left, '=', right);
}

function literal(value: unknown, userId: string | null): Written {
  if (typeof value === 'boolean') return truth(value);
  if (Array.isArray(value)) return { sql: (bind) => bind(value.map((one) => text(one, userId)), 'text[]'), set: true };
  return { sql: (bind) => bind(text(value, userId), 'text') };
}

function setOf(elements: readonly Written[]): Written {
  return { sql: (bind) => `array[${elements.map(({ sql }) => sql(bind)).join(', ')}]::text[]`, set: true };
}

function text(value: unknown, userId: string | null): string {
  assert(typeof value === 'string', 'a literal that is neither text nor truth');
  return value === self && userId !== null ? userId : value;
}
