import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errorCatalogue, permissions } from '@primum/contract';
import { parseCodeTable } from '@primum/record';
import { describe, expect, it } from 'vitest';
import { usage } from '../apps/primum/src/cli/usage.ts';
import { parseMappingTable } from '../packages/ingest/src/mapping/mapping-table.ts';
import { messageTypes } from '../packages/ingest/src/reading/message-types.ts';

const root = join(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const pages = [...readdirSync(root), ...readdirSync(join(root, 'docs')).map((name) => join('docs', name))].filter((path) => path.endsWith('.md'));

describe('docs', () => {
  it('link only to what is there', () => {
    const broken = pages.flatMap((page) => [...read(page).matchAll(/\]\(([^)#\s]+)(#[^)]*)?\)/g)]
      .map(([, target]) => target!)
      .filter((target) => !/^[a-z]+:/.test(target) && !existsSync(join(root, dirname(page), target)))
      .map((target) => `${page}: ${target}`));
    expect(broken).toEqual([]);
  });

  it('name only codes of the error catalogue, and permissions', () => {
    const areas = [...new Set(Object.keys(errorCatalogue).map((code) => code.split('.')[0]!))].join('|');
    // Data in clear names columns, which look like codes.
    const unknown = pages.filter((page) => page !== join('docs', 'data-in-clear.md')).flatMap((page) => [...read(page).matchAll(new RegExp(`\`((?:${areas})\\.[a-z-]+)\``, 'g'))]
      .map(([, code]) => code!)
      .filter((code) => !(code in errorCatalogue) && !permissions.some((permission) => permission === code))
      .map((code) => `${page}: ${code}`));
    expect(unknown).toEqual([]);
  });

  it('give commands that the command line knows', () => {
    const known = new Set([...usage.matchAll(/^ {2}primum ([a-z]+)/gm)].map(([, name]) => name));
    const given = pages.flatMap((page) => [...read(page).matchAll(/npx primum ([a-z]+)/g)].map(([, name]) => name!));
    expect(given.length).toBeGreaterThan(10);
    expect(given.filter((name) => !known.has(name))).toEqual([]);
  });
});

describe('docs/hl7.md', () => {
  const page = read('docs/hl7.md');

  it('says what every handled type does, and no other', () => {
    const table = page.slice(page.indexOf('## Messages'), page.indexOf('One patient a message'));
    const named = [...table.matchAll(/^\| ([A-Z]{3})\^([^|]+) \|/gm)].flatMap(([, code, events]) => events!.split(', ').map((event) => `${code!}^${event}`));
    expect(named.sort()).toEqual([...messageTypes.keys()].sort());
  });

  it('shows a mapping table that can be loaded', () => {
    const example: unknown = JSON.parse(/```json\n([\s\S]*?)```/.exec(page)?.[1] ?? '');
    const codes = parseCodeTable(JSON.parse(read('packs/sepsis/codes.json')));
    expect(parseMappingTable(example, codes).codes.get('LAC')).toEqual({ code: '2524-7' });
  });
});
