import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson, PrimumError } from '@primum/base';
import { compileView, parseFhirJson } from '@primum/datasets';
import { sharedData } from '../support/available.ts';
import type { SuiteResult } from './main.ts';

type Case = { title: string; tags?: string[]; view: unknown; expect?: unknown[]; expectColumns?: string[]; expectError?: true };
type File = { resources: object[]; tests: Case[] };

/** The SQL on FHIR v2 suite; rows are compared as a set, since the specification gives them no order. */
export async function runSqlOnFhir(): Promise<SuiteResult> {
  const data = sharedData();
  if (data === undefined) throw new PrimumError('import.file-unreadable', 'sql-on-fhir; set PRIMUM_DATA');
  const directory = join(data, 'sql-on-fhir');
  const failures: string[] = [];
  let total = 0;
  for (const name of (await readdir(directory)).filter((file) => file.endsWith('.json')).sort()) {
    const text = await readFile(join(directory, name), 'utf8');
    const file = JSON.parse(text) as File; // the suite's own shape
    const { resources } = parseFhirJson(text) as File;
    for (const test of file.tests) {
      total += 1;
      const failure = failureOf(test, resources);
      if (failure !== undefined) failures.push(`${name}: ${test.title}: ${failure}`);
    }
  }
  return { passed: total - failures.length, failed: failures.length, total, skipped: 0, failures };
}

function failureOf(test: Case, resources: readonly object[]): string | undefined {
  try {
    const view = compileView(test.view);
    const rows = resources.flatMap((resource) => view.rows(resource));
    if (test.expectError === true) return 'no error';
    if (test.expectColumns !== undefined && test.expectColumns.join() !== view.columns.map(({ name }) => name).join()) return `columns ${view.columns.map(({ name }) => name).join()}`;
    const [got, wanted] = [rows, test.expect ?? []].map((list) => list.map((row) => canonicalJson(row)).sort().join('\n'));
    return got === wanted ? undefined : `got\n${got}\nwanted\n${wanted}`;
  } catch (error) {
    if (test.expectError === true && error instanceof Error && 'code' in error && error.code === 'view.invalid') return undefined;
    return String(error);
  }
}
