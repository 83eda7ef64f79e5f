import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { jsonShape, PrimumError } from '@primum/base';
import type { ResidencyPage } from '@primum/contract';
import { readRunFile } from '../run-file.ts';

/** What keeps data, by the names that `residency.json` uses. */
export const storeNames = ['database', 'keys', 'objects', 'backups', 'checkpoints', 'logs'] as const;
export type StoreName = (typeof storeNames)[number];
export type Stores = Readonly<Partial<Record<StoreName, string>>>;

const { object, list, text } = jsonShape('config.invalid');

/** `<home>/residency.json`: `{"allowed": ["eu-central"], "places": {"database": "eu-central", …}}`; null where there is none. */
export function readResidency(home: string): { allowed: string[]; places: Partial<Record<StoreName, string>> } | null {
  const file = join(home, 'residency.json');
  if (!existsSync(file)) return null;
  const root = object(parsed(readFileSync(file, 'utf8')), 'residency.json');
  const places = object(root['places'], 'residency.json places');
  const unknown = Object.keys(places).find((name) => !storeNames.some((store) => store === name));
  if (unknown !== undefined) throw new PrimumError('config.invalid', `residency.json: ${unknown} is no store; one of ${storeNames.join(', ')}`);
  return {
    allowed: list(root['allowed'], 'residency.json allowed').map((region) => text(region, 'residency.json allowed')),
    places: Object.fromEntries(Object.entries(places).map(([name, region]) => [name, text(region, `residency.json places.${name}`)])),
  };
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw new PrimumError('config.invalid', 'residency.json is no JSON');
  }
}

/**
 * Where each store lies, as its operator declares it. Which country a disk or a host stands in is nothing that software can
 * find out; what it can do is to hold every store to the declaration.
 */
export function residencyOf(home: string, stores: Stores): ResidencyPage {
  const declared = readResidency(home);
  return {
    allowed: declared?.allowed ?? null,
    stores: storeNames.flatMap((store) => {
      const at = stores[store];
      if (at === undefined) return [];
      const region = declared?.places[store] ?? null;
      return [{ store, at, region, allowed: declared === null ? null : region !== null && declared.allowed.includes(region) }];
    }),
  };
}

/** Refuses a start with a store outside the allowed regions, or one that nobody declared; throws residency.refused. */
export function assertResidency(home: string, stores: Stores): void {
  const refused = residencyOf(home, stores).stores.find(({ allowed }) => allowed === false);
  if (refused !== undefined) throw new PrimumError('residency.refused', `${refused.store} (${refused.region ?? 'not declared'})`);
}

/** The stores of this home; a database of one's own is named by its host, never by its whole address. */
export function storesOf(home: string, databaseUrl: string | undefined, more: Pick<Stores, 'backups'> = {}): Stores {
  return {
    database: databaseUrl === undefined ? join(home, 'data') : hostOf(databaseUrl), keys: join(home, 'keys'), objects: join(home, 'objects'),
    checkpoints: join(home, 'checkpoints'), logs: home, ...more,
  };
}

/** With the backups of a Primum that runs on this home. */
export function storesNow(home: string): Stores {
  const backups = readRunFile(home)?.places.backups;
  return storesOf(home, process.env['DATABASE_URL'], backups === undefined ? {} : { backups });
}

export function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname || 'this machine' : 'this machine';
}
