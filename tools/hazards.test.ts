import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const page = read('docs/hazards.md');

const hazards = [...page.matchAll(/^\| (H\d\d) \| ([^|]+) \| ([^|]+) \| ([1-5]) \| ([A-E]) \| ([A-E]) \| ([^|]+) \|$/gm)]
  .map(([, id, hazard, situation, severity, before, after, residual]) => ({ id: id!, hazard: hazard!, situation: situation!, severity: Number(severity), before: before!, after: after!, residual: residual! }));
const controls = [...page.matchAll(/^\| (H\d\d) \| (design|protective|information) \| ([^|]+) \| (.+) \|$/gm)]
  .map(([, id, kind, control, proof]) => ({ id: id!, kind: kind!, control: control!, proof: proof! }));

/** Probability up to which a severity is acceptable, as the page says. */
const acceptable: Readonly<Record<number, string>> = { 1: 'E', 2: 'D', 3: 'C', 4: 'B', 5: 'A' };

/** What is wrong with a proof, or nothing. A test is looked for by its title as it stands in the source. */
function faultOf(proof: string): string | undefined {
  const torture = /^`npm run torture -- ([a-z-]+)`$/.exec(proof)?.[1];
  if (torture !== undefined) return existsSync(join(root, 'tests', 'torture', `${torture}.ts`)) && read('tests/torture/main.ts').includes(torture) ? undefined : 'no such torture';
  const [, path, title] = /^`([^`]+)` › (.+)$/.exec(proof) ?? [];
  if (path === undefined || title === undefined) return 'not a proof';
  if (!existsSync(join(root, path))) return 'no such file';
  const text = read(path);
  if (path.endsWith('.md')) return text.includes(title) ? undefined : 'not on the page';
  const quoted = [`'${title.replaceAll('\'', '\\\'')}'`, `\`${title}\``];
  const at = quoted.map((quote) => text.indexOf(`(${quote}`)).find((index) => index >= 0);
  if (at === undefined) return 'no test of that name';
  return /\.(skip|todo|fails)$/.test(text.slice(0, at).trimEnd()) ? 'the test is skipped' : undefined;
}

describe('docs/hazards.md', () => {
  it('has its tables, and reads every line of them', () => {
    expect(hazards.length).toBeGreaterThanOrEqual(30);
    expect(controls.length).toBeGreaterThanOrEqual(80);
    expect(page.match(/^\| H\d\d \|/gm)).toHaveLength(hazards.length + controls.length);
    expect(new Set(hazards.map(({ id }) => id)).size).toBe(hazards.length);
  });

  it('gives every hazard a control, and every control a hazard', () => {
    const ids = hazards.map(({ id }) => id);
    expect(ids.filter((id) => !controls.some((control) => control.id === id))).toEqual([]);
    expect(controls.filter(({ id }) => !ids.includes(id))).toEqual([]);
  });

  it('relies on information alone only where the harm is small or the residual says so', () => {
    const informationOnly = hazards.filter(({ id }) => controls.filter((control) => control.id === id).every(({ kind }) => kind === 'information'));
    expect(informationOnly.filter(({ severity }) => severity > 3).map(({ id }) => id)).toEqual([]);
  });

  it('calls a residual acceptable only within its own bounds', () => {
    for (const { id, severity, after, residual } of hazards) {
      const within = after <= acceptable[severity]!; // severities are 1 to 5 by the pattern
      expect({ id, says: residual.startsWith('acceptable') ? 'acceptable' : residual.startsWith('above the line') ? 'above' : residual }).toEqual({ id, says: within ? 'acceptable' : 'above' });
    }
  });

  it('claims no control that makes things worse', () => {
    expect(hazards.filter(({ before, after }) => after > before)).toEqual([]);
  });

  it('names tests that exist', () => {
    expect(controls.flatMap(({ id, proof }) => {
      const fault = faultOf(proof);
      return fault === undefined ? [] : [`${id} ${fault}: ${proof}`];
    })).toEqual([]);
  });
});
