import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { PrimumError } from '@primum/base';
import { parseMessage } from '@primum/formats';
import { convertMessage, loadV2Mappings } from '@primum/ingest';
import { sharedData } from '../support/available.ts';
import { compareBundles, type AcceptedDifference } from './hl7v2-to-fhir/compare-bundles.ts';
import type { SuiteResult } from './main.ts';

const mostPaths = 30;

/**
 * microsoft/FHIR-Converter's sample messages against the bundles that it makes of them. A message passes when each
 * resource of the golden bundle has a match in ours with every element equal, but for the differences that
 * `accepted-differences.json` names with their reasons. On stderr: what is missed, by element path.
 */
export async function runHl7v2ToFhir(): Promise<SuiteResult> {
  const data = sharedData();
  if (data === undefined) throw new PrimumError('import.file-unreadable', 'hl7v2-to-fhir; set PRIMUM_DATA');
  const accepted = JSON.parse(await readFile(join(import.meta.dirname, 'hl7v2-to-fhir', 'accepted-differences.json'), 'utf8')) as AcceptedDifference[]; // our own file
  const tables = await loadV2Mappings();
  const messages = join(data, 'hl7v2-to-fhir', 'messages');
  const expected = new Map((await readdir(join(data, 'hl7v2-to-fhir', 'expected'), { recursive: true })).map((path) => [basename(path).replace('-expected.json', ''), join(data, 'hl7v2-to-fhir', 'expected', path)]));
  const missed = new Map<string, number>();
  const failures: string[] = [];
  let [total, skipped] = [0, 0];
  for (const file of (await readdir(messages)).sort()) {
    const golden = expected.get(file.replace('.hl7', ''));
    if (golden === undefined) { skipped += 1; continue; }
    total += 1;
    const parsed = parseMessage(await readFile(join(messages, file), 'utf8'));
    if (!parsed.ok) { failures.push(`${file}: ${parsed.problem.code}`); continue; }
    const { bundle } = convertMessage(parsed.message, tables);
    const wanted: unknown = JSON.parse((await readFile(golden, 'utf8')).replace(/^\uFEFF/, ''));
    const misses = compareBundles(wanted, bundle, accepted.filter(({ messages: only }) => only === undefined || new RegExp(only).test(file)));
    for (const path of misses) missed.set(path, (missed.get(path) ?? 0) + 1);
    if (misses.length > 0) failures.push(`${file}: ${misses.length} missed: ${[...new Set(misses)].slice(0, 6).join(', ')}`);
  }
  const top = [...missed].sort((a, b) => b[1] - a[1]).slice(0, mostPaths).map(([path, count]) => `${count} × ${path}`);
  return { passed: total - failures.length, failed: failures.length, total, skipped, failures: [...failures, ...top] };
}
