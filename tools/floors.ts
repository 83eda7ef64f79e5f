/**
 * The floors test: resolves every specifier (static, type, `import()` types, dynamic, `require`, worker URLs, relative
 * escapes) of every source file and holds it against floors.json: down only, siblings never, a package's door only.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';

type Floors = { floors: string[][]; only: Record<string, string[]>; free: string[] };

const specifierPatterns: readonly RegExp[] = [
  /(?:^|[^\w.])(?:import|export)\s+(?:type\s+)?[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/g,
  /(?:^|[^\w.])import\s*['"]([^'"]+)['"]/g,
  /\bimport\s*\(\s*['"`]([^'"`$]+)['"`]/g,
  /\brequire(?:\.resolve)?\s*\(\s*['"`]([^'"`$]+)['"`]/g,
  /\bnew\s+URL\s*\(\s*['"`]([^'"`$]+)['"`]\s*,\s*import\.meta\.url/g,
  /\bimport\.meta\.resolve\s*\(\s*['"`]([^'"`$]+)['"`]/g,
  /\/\/\/\s*<reference\s+(?:path|types)\s*=\s*['"]([^'"]+)['"]/g,
];

export function specifiersOf(source: string): string[] {
  const found = new Set<string>();
  for (const pattern of specifierPatterns) for (const match of source.matchAll(pattern)) found.add(match[1]!);
  return [...found];
}

export function sourceFiles(directory: string): string[] {
  const files: string[] = [];
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (entry.name === 'node_modules' || entry.name === 'dist' || entry.name.startsWith('.')) continue;
    const path = join(directory, entry.name);
    if (entry.isDirectory()) files.push(...sourceFiles(path));
    else if (/\.(ts|tsx|mts|js|mjs|cjs)$/.test(entry.name)) files.push(path);
  }
  return files;
}

/** Every import that breaks the floors, as a sentence each. */
export function floorViolations(root: string): string[] {
  const { floors, only, free }: Floors = JSON.parse(readFileSync(join(root, 'floors.json'), 'utf8'));
  const floorOf = new Map(floors.flatMap((rooms, floor) => rooms.map((room) => [room, floor] as const)));
  const roomByName = new Map<string, string>();
  for (const room of floorOf.keys()) {
    const manifest = join(root, room, 'package.json');
    if (existsSync(manifest)) roomByName.set(JSON.parse(readFileSync(manifest, 'utf8')).name, room);
  }
  const roomOf = (path: string): string | undefined => {
    const inside = relative(root, path).split(sep).join('/');
    return [...floorOf.keys(), ...free].find((room) => inside === room || inside.startsWith(`${room}/`));
  };
  const violations: string[] = [];
  for (const base of ['packages', 'apps', ...free]) {
    if (!existsSync(join(root, base))) continue;
    for (const file of sourceFiles(join(root, base))) {
      const from = roomOf(file);
      if (from === undefined) {
        violations.push(`${relative(root, file)}: its package stands on no floor`);
        continue;
      }
      for (const specifier of specifiersOf(readFileSync(file, 'utf8'))) {
        const relativeTarget = specifier.startsWith('.') ? roomOf(resolve(dirname(file), specifier)) : undefined;
        const name = specifier.split('/').slice(0, 2).join('/');
        const namedTarget = roomByName.get(name);
        const to = relativeTarget ?? namedTarget;
        if (to === undefined || to === from) continue;
        const say = (why: string): void => { violations.push(`${relative(root, file)}: '${specifier}' ${why}`); };
        if (free.includes(from)) continue;
        if (free.includes(to)) say(`reaches into ${to}`);
        else if (relativeTarget !== undefined) say(`goes around the door of ${to}`);
        else if (only[from] !== undefined && !only[from].includes(to)) say(`: ${from} may know only ${only[from].join(', ')}`);
        else if (floorOf.get(to)! >= floorOf.get(from)!) say(`goes up or sideways, from floor ${floorOf.get(from)} to ${floorOf.get(to)}`);
      }
    }
  }
  return violations;
}
