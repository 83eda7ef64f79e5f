/** FHIRPath as a tree (HL7 FHIRPath 2.0, grammar), of as much of it as invariants use. */
export type PathNode =
  | { kind: 'literal'; value: string | number | boolean }
  | { kind: 'this' }
  | { kind: 'variable'; name: string }
  | { kind: 'name'; of: PathNode; name: string }
  | { kind: 'call'; of: PathNode; name: string; arguments: PathNode[] }
  | { kind: 'operator'; operator: string; left: PathNode; right: PathNode };

/** Says that an expression is beyond this subset; whoever asks has another engine. */
export class BeyondSubset extends Error {}

const token = /\s*(?:('(?:[^'\\]|\\.)*')|(\d+(?:\.\d+)?)|(`[^`]+`|[%$]?[A-Za-z_][A-Za-z0-9_]*)|(<=|>=|!=|[-().,=<>|&+[\]]))/y;
const levels: readonly (readonly string[])[] = [['implies'], ['or', 'xor'], ['and'], ['in', 'contains'], ['=', '!='], ['<', '>', '<=', '>='], ['|'], ['is', 'as'], ['&', '+']];
const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', f: '\f' };
const maxTokens = 400;

export function parsePath(expression: string): PathNode {
  const tokens: string[] = [];
  for (let at = 0; at < expression.trimEnd().length;) {
    token.lastIndex = at;
    const found = token.exec(expression);
    if (found === null || tokens.length > maxTokens) throw new BeyondSubset(expression);
    tokens.push(found[0].trim());
    at = token.lastIndex;
  }
  let at = 0;
  const take = (wanted?: string): string => {
    const one = tokens[at];
    if (one === undefined || (wanted !== undefined && one !== wanted)) throw new BeyondSubset(expression);
    at += 1;
    return one;
  };

  const binary = (level: number): PathNode => {
    const operators = levels[level];
    if (operators === undefined) return chain();
    let left = binary(level + 1);
    while (at < tokens.length && operators.includes(tokens[at]!)) left = { kind: 'operator', operator: take(), left, right: binary(level + 1) };
    return left;
  };
  const chain = (): PathNode => {
    let node = first();
    while (tokens[at] === '.') {
      take();
      node = member(node);
    }
    return node;
  };
  const member = (of: PathNode): PathNode => {
    const word = take();
    if (!/^[A-Za-z_`]/.test(word)) throw new BeyondSubset(expression);
    const name = word.replaceAll('`', '');
    if (tokens[at] !== '(') return { kind: 'name', of, name };
    take('(');
    const given: PathNode[] = [];
    while (tokens[at] !== ')') {
      given.push(binary(0));
      if (tokens[at] === ',') take();
    }
    take(')');
    return { kind: 'call', of, name, arguments: given };
  };
  const first = (): PathNode => {
    const word = tokens[at];
    if (word === '(') {
      take();
      const inner = binary(0);
      take(')');
      return inner;
    }
    if (word === undefined) throw new BeyondSubset(expression);
    if (word.startsWith("'")) return { kind: 'literal', value: take().slice(1, -1).replaceAll(/\\(.)/g, (_, letter: string) => escapes[letter] ?? letter) };
    if (/^\d/.test(word)) return { kind: 'literal', value: Number(take()) };
    if (word === 'true' || word === 'false') return { kind: 'literal', value: take() === 'true' };
    if (word === '$this') return (take(), { kind: 'this' });
    if (word.startsWith('%')) return { kind: 'variable', name: take().slice(1) };
    return member({ kind: 'this' });
  };

  const tree = binary(0);
  if (at !== tokens.length) throw new BeyondSubset(expression);
  return tree;
}
