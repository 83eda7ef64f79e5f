import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTestDatabase } from '@primum/store/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keptOfErased, personalData } from '../apps/primum/src/rights/personal-data.ts';

/** Columns by which a row belongs to a patient. */
const belongs: ReadonlySet<string> = new Set(['patient_id', 'patient_ids', 'root_id', 'from_id', 'into_id', 'stay_id', 'alert_id']);
let columns: { table: string; column: string }[];
let drop: () => Promise<void>;

beforeAll(async () => {
  const database = await createTestDatabase();
  drop = database.drop;
  columns = await database.db.query<{ table: string; column: string }>(
    `select c.table_name as table, c.column_name as column from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
     where c.table_schema = 'public' and t.table_type = 'BASE TABLE'`, []);
});
afterAll(() => drop());

describe('what belongs to a patient', () => {
  it('is named by exactly one list of personal data, or kept for a reason', () => {
    const page = readFileSync(join(import.meta.dirname, '..', 'docs', 'data-in-clear.md'), 'utf8');
    const sealed = new Set([...page.matchAll(/^\| `([a-z_]+)\.[a-z_]+` \| sealed \((?:patient|intake)\)/gm)].map(([, table]) => table));
    const tables = [...new Set(columns.filter(({ table, column }) => belongs.has(column) || sealed.has(table)).map(({ table }) => table))].sort();
    expect(tables.length).toBeGreaterThan(15);
    const named = [...personalData.flatMap((data) => data.tables), ...Object.keys(keptOfErased)];
    expect(tables.filter((table) => named.filter((name) => name === table).length !== 1)).toEqual([]);
  });

  it('is in tables that exist', () => {
    const tables = new Set(columns.map(({ table }) => table));
    expect([...personalData.flatMap((data) => data.tables), ...Object.keys(keptOfErased)].filter((table) => !tables.has(table))).toEqual([]);
  });
});
