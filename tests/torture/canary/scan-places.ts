import { closeSync, fstatSync, openSync, readFileSync, readSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { inflated, type Finder, type Hit } from './find-planted.ts';

export type Place = { name: string; path: string };
export type Found = { place: string; file: string; hits: Hit[] };
export type Scanned = { found: Found[]; files: number; bytes: number };

const windowBytes = 16 * 1024 * 1024;
/** Longer than any form of a value, so that none is missed where two windows meet. */
const overlapBytes = 8_192;

/** Reads every file of the places, whole, also inflated. */
export function scanPlaces(places: readonly Place[], finder: Finder): Scanned {
  const scanned: Scanned = { found: [], files: 0, bytes: 0 };
  for (const { name, path } of places) {
    for (const file of filesOf(path)) {
      const hits: Hit[] = [];
      for (const window of windowsOf(file)) {
        scanned.bytes += window.length;
        hits.push(...finder.search(window));
        for (const content of inflated(window)) hits.push(...finder.search(content).map((hit) => ({ ...hit, form: `${hit.form}, compressed` })));
      }
      scanned.files += 1;
      if (hits.length > 0) scanned.found.push({ place: name, file: file.slice(path.length) || file, hits });
    }
  }
  return scanned;
}

function filesOf(path: string): string[] {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return [];
  if (stat.isFile()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

function* windowsOf(file: string): Generator<Buffer> {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch {
    return; // a temporary file that is gone again
  }
  try {
    const { size } = fstatSync(descriptor);
    if (size <= windowBytes) {
      yield readFileSync(descriptor);
      return;
    }
    for (let at = 0; at < size; at += windowBytes - overlapBytes) {
      const window = Buffer.allocUnsafe(Math.min(windowBytes, size - at));
      yield window.subarray(0, readSync(descriptor, window, 0, window.length, at));
    }
  } finally {
    closeSync(descriptor);
  }
}
