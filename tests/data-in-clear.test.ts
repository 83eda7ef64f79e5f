import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTestDatabase } from '@primum/store/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

type Row = { column: string; kind: string; reason: string };
const page = readFileSync(join(import.meta.dirname, '..', 'docs', 'data-in-clear.md'), 'utf8');
const rows: Row[] = [...page.matchAll(/^\| `([a-z_]+\.[a-z_]+)` \| ([^|]+) \| ([^|]+) \|$/gm)].map(([, column, kind, reason]) => ({ column: column!, kind: kind!, reason: reason! }));

type Column = { name: string; type: string };
let columns: Column[];
let drop: () => Promise<void>;

beforeAll(async () => {
  const database = await createTestDatabase();
  drop = database.drop;
  columns = await database.db.query<Column>(
    'select table_name || \'.\' || column_name as name, data_type as type from information_schema.columns where table_schema = \'public\'', []);
});
afterAll(() => drop());

describe('docs/data-in-clear.md', () => {
  it('names every column of the database, and no other', () => {
    expect(columns.length).toBeGreaterThan(150);
    expect(rows.map(({ column }) => column).sort()).toEqual(columns.map(({ name }) => name).sort());
  });

  it('gives each a kind that it explains, and a reason', () => {
    const kinds = [...page.matchAll(/^- \*\*([^*]+)\*\*/gm)].map(([, kind]) => kind);
    expect(kinds.length).toBe(7);
    expect(rows.filter(({ kind }) => !kinds.includes(kind))).toEqual([]);
    expect(rows.filter(({ reason }) => reason.trim().length < 4)).toEqual([]);
  });

  it('claims sealed, token and digest only of columns that can hold one', () => {
    const typeOf = new Map(columns.map(({ name, type }) => [name, type]));
    const holds: Readonly<Record<string, readonly string[]>> = { sealed: ['bytea'], token: ['bytea', 'uuid', 'ARRAY'], digest: ['bytea', 'text', 'ARRAY'], pseudonym: ['uuid', 'ARRAY'] };
    const wrong = rows.filter(({ column, kind }) => {
      const [word = ''] = kind.split(' ');
      return word !== 'clear' && holds[word]?.includes(typeOf.get(column) ?? '') !== true;
    });
    expect(wrong).toEqual([]);
  });

  it('leaves no column of bytes unexplained as clear', () => {
    const bytes = new Set(columns.filter(({ type }) => type === 'bytea').map(({ name }) => name));
    expect(rows.filter(({ column, kind }) => bytes.has(column) && kind === 'clear')).toEqual([]);
  });
});
