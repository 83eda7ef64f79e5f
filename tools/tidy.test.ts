import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCatalogue } from '@primum/contract';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const tracked = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' }).split('\n').filter((path) => path !== '' && existsSync(join(root, path)));
const sources = tracked.filter((path) => /\.(ts|tsx)$/.test(path)).map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));

describe('tidiness', () => {
  it('keeps files short', () => {
    const long = sources.map(({ path, text }) => ({ path, lines: text.split('\n').length })).filter(({ lines }) => lines > 500);
    expect(long).toEqual([]);
  });

  it('names files in kebab-case', () => {
    const odd = sources.filter(({ path }) => !/^[a-z0-9]+(?:[-.][a-z0-9]+)*\.tsx?$/.test(path.split('/').at(-1)!));
    expect(odd.map(({ path }) => path)).toEqual([]);
  });

  it('leaves no unfinished work behind', () => {
    const words = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'not impl' + 'emented'].join('|')})\\b`);
    expect(sources.filter(({ text }) => words.test(text)).map(({ path }) => path)).toEqual([]);
  });

  it('uses every code of the error catalogue, and only those', () => {
    const catalogue = new Set<string>(Object.keys(errorCatalogue));
    const body = sources.filter(({ path }) => path !== 'packages/contract/src/errors.ts').map(({ text }) => text).join('\n')
      + readFileSync(join(root, 'bin/launch.js'), 'utf8');
    const unused = [...catalogue].filter((code) => !body.includes(code));
    expect(unused).toEqual([]);
  });

  it('documents exactly the error catalogue', () => {
    const page = readFileSync(join(root, 'docs/errors.md'), 'utf8');
    const rows = [...page.matchAll(/^\| `([^`]+)` \| (\d+) \| (.*?) \| (.*?) \|$/gm)].map(([, code, http, summary, action]) => ({ code, http: Number(http), summary, action }));
    const expected = Object.entries(errorCatalogue).map(([code, entry]) => ({ code, http: entry.http, summary: entry.summary.replaceAll('|', '\\|'), action: entry.action.replaceAll('|', '\\|') }));
    expect(rows).toEqual(expected);
  });
});
