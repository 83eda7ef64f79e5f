import { report, type Run } from './issue.ts';

/** Which names are types of resources. */
export type References = { known(type: string): boolean };

const typed = /(?:^|\/)([A-Z][A-Za-z]{1,39})(?:\/[A-Za-z0-9\-.]{1,64}(?:\/_history\/[A-Za-z0-9\-.]{1,64})?$|\?)/;

/**
 * Whether a reference leads to a type that may be there: as it says in its address, its `type`, or as what is contained
 * is. What it leads to is not looked up. `allowed` null: any.
 */
export function checkReference(value: unknown, allowed: ReadonlySet<string> | null, run: Run, { known }: References): void {
  const { reference, type } = value as { reference?: unknown; type?: unknown };
  if (typeof reference === 'string') {
    const found = reference.startsWith('#') ? containedType(reference.slice(1), run) : typeIn(reference, known);
    if (found !== undefined) {
      if (allowed !== null && !allowed.has(found)) report(run, 'value', `refers to a type that may not be here; ${[...allowed].join(', ')} may`);
      if (typeof type === 'string' && known(type) && type !== found) report(run, 'value', 'type is not that of the reference');
      return;
    }
  }
  if (typeof type === 'string' && allowed !== null && known(type) && !allowed.has(type)) report(run, 'value', `refers to a type that may not be here; ${[...allowed].join(', ')} may`);
}

function typeIn(reference: string, known: (type: string) => boolean): string | undefined {
  if (reference.startsWith('urn:')) return undefined;
  const found = typed.exec(reference)?.[1];
  return found !== undefined && known(found) ? found : undefined;
}

function containedType(id: string, { rootResource }: Run): string | undefined {
  const contained = rootResource['contained'];
  if (!Array.isArray(contained)) return undefined;
  const one = contained.find((each): each is { resourceType: string } => typeof each === 'object' && each !== null && (each as { id?: unknown }).id === id && typeof (each as { resourceType?: unknown }).resourceType === 'string');
  return one?.resourceType;
}
