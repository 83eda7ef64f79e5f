import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { codeDigest } from '@primum/registry';

/** The packages whose code a score depends on: facts, features, trees, inference, alert policy, and this one. */
const computing = ['@primum/record', '@primum/datasets', '@primum/formats', '@primum/inference', '@primum/registry', '@primum/serving'];

/** SHA-256, hex, of the source that computes a score. Read once at start; it says which code ran, not who wrote it. */
export function scoringCodeDigest(): Promise<string> {
  return codeDigest(computing.map((name) => dirname(fileURLToPath(import.meta.resolve(name)))));
}
