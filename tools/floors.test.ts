import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { floorViolations } from './floors.ts';

function houseWith(file: string, source: string): string {
  const root = mkdtempSync(join(tmpdir(), 'floors-'));
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  put('floors.json', JSON.stringify({ floors: [['packages/base'], ['packages/store', 'packages/formats'], ['packages/record']], only: {}, free: ['tests'] }));
  for (const name of ['base', 'store', 'formats', 'record']) put(`packages/${name}/package.json`, JSON.stringify({ name: `@primum/${name}` }));
  put('tests/x.ts', '');
  put(file, source);
  return root;
}

describe('floors', () => {
  it('holds for this house', () => {
    expect(floorViolations(join(import.meta.dirname, '..'))).toEqual([]);
  });

  it.each([
    ['static', `import { a } from '@primum/record';`],
    ['multi-line', `import {\n  a,\n  b,\n} from '@primum/record';`],
    ['type', `import type { A } from '@primum/record';`],
    ['import() type', `let a: import('@primum/record').A;`],
    ['dynamic', `await import('@primum/record');`],
    ['require', `require('@primum/record');`],
    ['re-export', `export * from '@primum/record';`],
    ['worker URL', `new Worker(new URL('../../record/src/worker.ts', import.meta.url));`],
    ['relative escape', `import { a } from '../../base/src/errors.ts';`],
    ['sibling', `import { a } from '@primum/formats';`],
    ['tests', `import { a } from '../../../tests/x.ts';`],
  ])('sees a wrong %s specifier', (_kind, source) => {
    expect(floorViolations(houseWith('packages/store/src/a.ts', source))).toHaveLength(1);
  });

  it('lets an import go down', () => {
    expect(floorViolations(houseWith('packages/store/src/a.ts', `import { a } from '@primum/base';`))).toEqual([]);
  });
});
