import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, readdirSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { PrimumError } from '@primum/base';
import { createDurably, syncFolder } from './create-durably.ts';
import type { LoadedMasterKey, MasterKeySource } from './master-keys.ts';

const fileName = (generation: number): string => (generation === 1 ? 'master.key' : `master-${generation}.key`);
const namePattern = /^master(?:-(\d+))?\.key$/;

/**
 * Master keys as files beside the keys that they wrap (0600, 64 hexadecimal digits). A key store that has keys but no
 * master key is never given a new one: that would only hide the loss.
 */
export function masterKeysBeside(directory: string): MasterKeySource {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const generations = (): number[] => readdirSync(directory).map((entry) => namePattern.exec(entry)).filter((match) => match !== null)
    .map(([, generation = '1']) => Number(generation)).sort((a, b) => a - b);
  return {
    from: 'beside',
    load: async () => {
      if (generations().length === 0) {
        if (readdirSync(directory).some((entry) => /^\d+$/.test(entry))) {
          throw new PrimumError('trust.key-store-unusable', 'master.key is missing beside existing keys');
        }
        createDurably(join(directory, fileName(1)), newKeyText());
      }
      return generations().flatMap((generation) => {
        const path = join(directory, fileName(generation));
        const since = statSync(path, { throwIfNoEntry: false })?.mtime;
        // Undefined: dropped just now, as nothing rests on it.
        return since === undefined ? [] : [{ generation, key: keyOf(readFileSync(path, 'utf8').trim(), fileName(generation)), since }];
      });
    },
    add: async (generation) => createDurably(join(directory, fileName(generation)), newKeyText()),
    drop: async (generation) => shred(directory, join(directory, fileName(generation))),
  };
}

/**
 * Master keys from a file that somebody else writes: a line per generation, `GENERATION HEX`, or one line of 64
 * hexadecimal digits for a first and only one. To rotate, its owner adds a line.
 */
export function masterKeysFromFile(path: string): MasterKeySource {
  const refuse = async (): Promise<never> => {
    throw new PrimumError('trust.master-key-foreign', path);
  };
  return {
    from: 'file',
    load: async () => {
      const keys = readForeign(path);
      if (keys.length === 0) throw new PrimumError('trust.key-store-unusable', `${path} holds no master key`);
      return keys;
    },
    add: refuse,
    drop: refuse,
  };
}

/** A master key that the caller holds (tests, a key of one's own). */
export function masterKeyGiven(key: Buffer): MasterKeySource {
  const refuse = async (): Promise<never> => {
    throw new PrimumError('trust.master-key-foreign', 'a key that was handed in');
  };
  return { from: 'file', load: async () => [{ generation: 1, key, since: new Date(0) }], add: refuse, drop: refuse };
}

function readForeign(path: string): LoadedMasterKey[] {
  let lines: string[];
  let since: Date;
  try {
    lines = readFileSync(path, 'utf8').split('\n').map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'));
    since = statSync(path).mtime;
  } catch (cause) {
    throw new PrimumError('trust.key-store-unusable', `${path} cannot be read`, { cause });
  }
  return lines.map((line, index) => {
    const [, generation = '1', hex = line] = /^(\d{1,9})\s+(\S+)$/.exec(line) ?? [];
    return { generation: Number(generation), key: keyOf(hex, `line ${index + 1} of ${path}`), since };
  }).sort((a, b) => a.generation - b.generation);
}

const newKeyText = (): Buffer => Buffer.from(`${randomBytes(32).toString('hex')}\n`);

function keyOf(text: string, where: string): Buffer {
  if (!/^[0-9a-f]{64}$/.test(text)) throw new PrimumError('trust.key-store-unusable', `${where} is not 64 hexadecimal digits`);
  return Buffer.from(text, 'hex');
}

function shred(directory: string, path: string): void {
  if (!existsSync(path)) return;
  const fd = openSync(path, 'r+');
  writeSync(fd, randomBytes(64).toString('hex').slice(0, 64));
  fsyncSync(fd);
  closeSync(fd);
  unlinkSync(path);
  syncFolder(directory);
}
