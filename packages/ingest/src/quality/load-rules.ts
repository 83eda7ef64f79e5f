import { existsSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PrimumError } from '@primum/base';
import { parseRules } from './parse-rules.ts';
import type { QualityRule, QualityRules } from './rule.ts';

const ownFile = fileURLToPath(new URL('../../quality/rules.json', import.meta.url));

/** The rules that ship, and over them by id those of a hospital's own folder (`*.json`, in the order of their names). Throws config.invalid. */
export async function loadQualityRules(folder?: string): Promise<QualityRules> {
  const own = folder === undefined || !existsSync(folder) ? [] : await readdir(folder);
  const files = [ownFile, ...own.filter((name) => name.endsWith('.json')).sort().map((name) => `${folder}/${name}`)];
  const rules = new Map<string, QualityRule>();
  for (const file of files) {
    for (const rule of parseRules(await readJson(file), basename(file))) rules.set(rule.id, rule);
  }
  return [...rules.values()];
}

async function readJson(file: string): Promise<unknown> {
  const text = await readFile(file, 'utf8');
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new PrimumError('config.invalid', `${basename(file)} is not JSON: ${error instanceof Error ? error.message.replace(/"[^"]*"/g, '…') : ''}`);
  }
}
