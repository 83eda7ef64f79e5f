import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

/** Requirements of levels 1 and 2 of OWASP ASVS 5.0.0 (their own numbering; level 3 left out): section → the level of each. */
const levels: Readonly<Record<string, string>> = {
  '1.1': '22', '1.2': '111112222', '1.3': '11222222222', '1.4': '222', '1.5': '12', '2.1': '122', '2.2': '112', '2.3': '1222', '2.4': '2', '3.2': '11', '3.3': '1222',
  '3.4': '112222', '3.5': '11122', '3.7': '22', '4.1': '122', '4.2': '2', '4.3': '22', '4.4': '1222', '5.1': '2', '5.2': '112', '5.3': '11', '5.4': '222',
  '6.1': '122', '6.2': '111111112222', '6.3': '1122', '6.4': '1122', '6.5': '22222', '6.6': '222', '6.8': '2222', '7.1': '222', '7.2': '1111', '7.3': '22', '7.4': '11222',
  '7.5': '22', '7.6': '22', '8.1': '12', '8.2': '112', '8.3': '1', '8.4': '2', '9.1': '111', '9.2': '1222', '10.1': '22', '10.2': '22', '10.3': '2222', '10.4': '11111222222',
  '10.5': '22222', '10.6': '22', '10.7': '222', '11.1': '22', '11.2': '222', '11.3': '112', '11.4': '1222', '11.5': '2', '11.6': '2', '12.1': '122', '12.2': '11', '12.3': '2222',
  '13.1': '2', '13.2': '22222', '13.3': '22', '13.4': '12222', '14.1': '22', '14.2': '1222', '14.3': '122', '15.1': '122', '15.2': '122', '15.3': '1222222', '16.1': '2',
  '16.2': '22222', '16.3': '2222', '16.4': '222', '16.5': '222', '17.1': '2', '17.2': '2222', '17.3': '22',
};

const root = join(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const page = read('docs/asvs.md');
const rows = page.split('\n').flatMap((line) => {
  const [, id, level, asks, state, where] = /^\| (\d+\.\d+\.\d+) \| ([12]) \| (.+?) \| (met|n\/a|\*\*not met\*\*) \| (.+) \|$/.exec(line) ?? [];
  return id === undefined ? [] : [{ id, level, asks, state, where: where! }]; // the expression's last group
});

it('has a row for each requirement of levels 1 and 2, once', () => {
  const wanted = Object.entries(levels).flatMap(([section, each]) => [...each].map((level, index) => `${section}.${index + 1} ${level}`));
  expect(wanted.filter((one) => one.endsWith(' 1'))).toHaveLength(70);
  expect(wanted).toHaveLength(253);
  expect(rows.map(({ id, level }) => `${id} ${level}`)).toEqual(wanted);
});

it('counts what it says, and says of each that is not met what it takes', () => {
  const [met, not, no] = ['met', 'n/a', '**not met**'].map((state) => rows.filter((row) => row.state === state).length);
  expect(page).toContain(`${met} are met, ${not} do not apply, ${no} are not met`);
  const listed = page.slice(page.indexOf('## Not met'), page.indexOf('## What was tried'));
  for (const { id, state, where } of rows.filter((row) => row.state === '**not met**')) {
    expect({ id, state, listed: listed.includes(id), takes: where.includes('It takes') }).toEqual({ id, state, listed: true, takes: true });
  }
});

it('names files that exist and tests by titles that they have', () => {
  const files = [...page.matchAll(/`((?:apps|packages|tests|docs|policies|tools)\/[^`\s]+)`/g)].map(([, path]) => path!);
  expect(files.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  const tests = [...page.matchAll(/`([^`]+\.test\.ts)` “([^”]+)”/g)].map(([, path, title]) => ({ path: path!, title: title! }));
  expect(tests.length).toBeGreaterThan(100);
  expect(tests.filter(({ path, title }) => !read(path).includes(`'${title.replaceAll("'", "\\'")}'`))).toEqual([]);
  for (const { id, state, where } of rows.filter((row) => row.state === 'met')) expect({ id, state, said: where.length > 10 }).toEqual({ id, state, said: true });
});
