import { PrimumError } from '@primum/base';
import { compilePath, valuesOf, type Path } from './compile-path.ts';
import { parseViewDefinition, type ViewColumn, type ViewSelect } from './view-definition.ts';

export type ViewRow = Record<string, unknown>;
export type CompiledView = {
  resource: string;
  /** In the order in which they stand in the definition, depth first. */
  columns: readonly ViewColumn[];
  /** Rows of one resource; none where its type or a `where` leaves it out. */
  rows(resource: object): ViewRow[];
};

type Variables = Readonly<Record<string, unknown>>;
type Rows = (node: unknown, variables: Variables) => ViewRow[];
type Compiled = { columns: ViewColumn[]; rows: Rows };

/** The resource's own children end a `repeat` that would go on for ever. */
const maxRepeatDepth = 100;
const maxRows = 100_000;

/**
 * A ViewDefinition as a function from a resource to rows, as SQL on FHIR v2 describes its processing algorithm: within a
 * selection the rows of its columns, of its nested selections and of its union are joined each with each, once for each
 * element that `forEach` or `repeat` gives. Throws view.invalid where the definition, or what it meets, can't be read.
 */
export function compileView(definition: unknown): CompiledView {
  const view = parseViewDefinition(definition);
  const where = view.where.map((path, i) => ({ path: compilePath(path, `where[${i}]`), at: `where[${i}]` }));
  const { columns, rows } = joined(view.select.map((select, i) => compileSelect(select, `select[${i}]`)));
  const twice = columns.find(({ name }, i) => columns.findIndex((other) => other.name === name) !== i);
  if (twice !== undefined) throw new PrimumError('view.invalid', `two columns are named ${twice.name}`);
  const constants = Object.fromEntries(view.constants);
  return {
    resource: view.resource,
    columns,
    rows: (resource) => {
      if (!('resourceType' in resource) || resource.resourceType !== view.resource) return [];
      const variables = { ...constants, rowIndex: 0 };
      return where.every(({ path, at }) => isTrue(path, resource, variables, at)) ? rows(resource, variables) : [];
    },
  };
}

function isTrue(path: Path, node: unknown, variables: Variables, at: string): boolean {
  const values = valuesOf(path(node, variables));
  if (values.length > 1 || (values.length === 1 && typeof values[0] !== 'boolean')) throw new PrimumError('view.invalid', `${at} is not true or false`);
  return values[0] === true;
}

function compileSelect(select: ViewSelect, at: string): Compiled {
  const own = compileColumns(select.columns, at);
  const nested = select.select.map((one, i) => compileSelect(one, `${at}.select[${i}]`));
  const union = select.unionAll.length === 0 ? [] : [compileUnion(select.unionAll, `${at}.unionAll`)];
  const { columns, rows } = joined([own, ...nested, ...union]);
  const each = (nodes: readonly unknown[], variables: Variables): ViewRow[] => nodes.flatMap((node, rowIndex) => rows(node, { ...variables, rowIndex }));
  const { iterate } = select;
  switch (iterate.kind) {
    case 'none': return { columns, rows };
    case 'forEach': {
      const path = compilePath(iterate.path, `${at}.forEach`);
      return { columns, rows: (node, variables) => each(path(node, variables), variables) };
    }
    case 'forEachOrNull': {
      const path = compilePath(iterate.path, `${at}.forEachOrNull`);
      return {
        columns,
        rows: (node, variables) => {
          const nodes = path(node, variables);
          // The row of nothing: paths start from an empty collection.
          return nodes.length === 0 ? rows([], { ...variables, rowIndex: 0 }) : each(nodes, variables);
        },
      };
    }
    case 'repeat': {
      const paths = iterate.paths.map((path, i) => compilePath(path, `${at}.repeat[${i}]`));
      return { columns, rows: (node, variables) => each(descendants(node, paths, variables), variables) };
    }
  }
}

/** Every element that the paths reach, from children to their children, each before what lies beneath it. */
function descendants(node: unknown, paths: readonly Path[], variables: Variables, depth = 0): unknown[] {
  if (depth > maxRepeatDepth) throw new PrimumError('view.invalid', 'a repeat goes too deep');
  return paths.flatMap((path) => path(node, variables).flatMap((child) => [child, ...descendants(child, paths, variables, depth + 1)]));
}

function compileColumns(columns: readonly ViewColumn[], at: string): Compiled {
  const cells = columns.map((column, i) => ({ ...column, path: compilePath(column.path, `${at}.column[${i}]`) }));
  return {
    columns: [...columns],
    rows: (node, variables) => [Object.fromEntries(cells.map(({ name, path, collection }) => {
      const values = valuesOf(path(node, variables));
      if (collection) return [name, values];
      if (values.length > 1) throw new PrimumError('view.invalid', `column ${name} has several values and is no collection`);
      return [name, values[0] ?? null];
    }))],
  };
}

/** Branches one after another; they must have the same columns in the same order. */
function compileUnion(branches: readonly ViewSelect[], at: string): Compiled {
  const compiled = branches.map((branch, i) => compileSelect(branch, `${at}[${i}]`));
  const [first] = compiled;
  const namesOf = ({ columns }: Compiled): string => columns.map(({ name }) => name).join();
  if (compiled.some((branch) => namesOf(branch) !== namesOf(first!))) throw new PrimumError('view.invalid', `the branches of ${at} have different columns`);
  return { columns: first!.columns, rows: (node, variables) => compiled.flatMap(({ rows }) => rows(node, variables)) };
}

function joined(parts: readonly Compiled[]): Compiled {
  return {
    columns: parts.flatMap(({ columns }) => columns),
    rows: (node, variables) => parts.reduce<ViewRow[]>((left, { rows }) => {
      if (left.length === 0) return left;
      const right = rows(node, variables);
      if (left.length * right.length > maxRows) throw new PrimumError('view.invalid', `a resource gives more than ${maxRows} rows`);
      return left.flatMap((one) => right.map((other) => ({ ...one, ...other })));
    }, [{}]),
  };
}
