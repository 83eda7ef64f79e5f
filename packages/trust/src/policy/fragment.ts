import type { CedarValueJson, Expr, PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';

/** Cedar's operators by name, each with its parts; how its JSON format of expressions is read here. */
export type Node = { operator: string; parts: Record<string, unknown> };

export function nodeOf(expression: Expr): Node {
  const [operator, body] = Object.entries(expression)[0] ?? ['', null];
  return { operator, parts: typeof body === 'object' && body !== null && !Array.isArray(body) ? { ...body } : { value: body } };
}

const binary = new Set(['&&', '||', '==', '!=', 'contains', 'containsAny', 'containsAll']);
const unary = new Set(['!', 'isEmpty']);

/**
 * Why a policy can't stand here, or null. What rests on the resource must be of the fragment that compiles to SQL
 * totally: && || ! == != contains containsAny containsAll isEmpty, literals and the patient's attributes; what rests on
 * principal and context alone is anything that Cedar evaluates. No policy names one patient or one person: decisions
 * are kept by attributes, and a person's rights come from roles, groups and units. `principal.userId` and
 * `resource.emergencyFor` are asked only as resource.emergencyFor.contains(principal.userId): whose accesses are open
 * otherwise is nobody's business.
 */
export function outsideFragment({ principal, resource, conditions }: PolicyJson): string | null {
  if ('entity' in principal && typeOf(principal.entity) === 'User') return 'names one person; name a role or a group';
  if (resource.op === '==' || resource.op === 'in') return 'names one resource; say what it is like';
  for (const { body } of conditions) {
    const why = wrongIn(body);
    if (why !== null) return why;
  }
  return null;
}

function wrongIn(expression: Expr): string | null {
  const { operator, parts } = nodeOf(expression);
  if (operator === 'contains' && isAttribute(parts['left'], 'resource', 'emergencyFor') && isAttribute(parts['right'], 'principal', 'userId')) return null;
  if (isAttribute(expression, 'principal', 'userId')) return 'principal.userId stands elsewhere than in resource.emergencyFor.contains(principal.userId)';
  if (isAttribute(expression, 'resource', 'emergencyFor')) return 'resource.emergencyFor stands elsewhere than in resource.emergencyFor.contains(principal.userId)';
  if (operator === 'Value' && namesSomebody(parts['value'])) return 'names one person or patient';
  if (isResource(parts['left']) && (operator === '.' || (operator === 'is' && parts['in'] === undefined))) return null;
  if (mentionsResource(expression) && !binary.has(operator) && !unary.has(operator)) return `${operator} on a resource's attribute does not compile to SQL`;
  for (const part of innerOf(operator, parts)) {
    const why = wrongIn(part);
    if (why !== null) return why;
  }
  return null;
}

function isResource(part: unknown): boolean {
  if (!isExpression(part)) return false;
  const { operator, parts } = nodeOf(part);
  return operator === 'Var' && parts['value'] === 'resource';
}

function mentionsResource(expression: Expr): boolean {
  const { operator, parts } = nodeOf(expression);
  if (operator === 'Var') return parts['value'] === 'resource';
  return innerOf(operator, parts).some(mentionsResource);
}

/** The expressions inside; Cedar's JSON has them under left, right, arg, if, then, else, or as a list or record. */
function innerOf(operator: string, parts: Record<string, unknown>): Expr[] {
  if (operator === 'Value' || operator === 'Var' || operator === 'Slot') return [];
  if (operator === 'is' || operator === 'has' || operator === '.' || operator === 'like') return [parts['left'], parts['in']].filter(isExpression);
  return Object.values(parts).flatMap((part) => (Array.isArray(part) ? part : [part])).filter(isExpression);
}

function isExpression(part: unknown): part is Expr {
  return typeof part === 'object' && part !== null && !Array.isArray(part);
}

function isAttribute(part: unknown, variable: string, attribute: string): boolean {
  if (!isExpression(part)) return false;
  const { operator, parts } = nodeOf(part);
  if (operator !== '.' || parts['attr'] !== attribute) return false;
  const left = nodeOf(parts['left'] as Expr); // as above
  return left.operator === 'Var' && left.parts['value'] === variable;
}

function typeOf(entity: CedarValueJson | { type: string; id: string }): string {
  if (typeof entity !== 'object' || entity === null) return '';
  if ('__entity' in entity) return typeOf(entity.__entity as { type: string; id: string }); // Cedar's other spelling of the same
  return 'type' in entity ? String(entity.type) : '';
}

function namesSomebody(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(namesSomebody);
  return typeof value === 'object' && value !== null && ['User', 'Patient', 'Tenant'].includes(typeOf(value as CedarValueJson)); // a literal of Cedar's JSON
}
