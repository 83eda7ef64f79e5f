import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock, type Clock, type Log } from '@primum/base';
import type { Mode } from '@primum/contract';
import { createObjects, migrate, openDb, startPostgres, type Db, type StartStage } from '@primum/store';
import { readPatientFacts } from '@primum/record';
import { createAudit, createIdentity, createPolicy, openConfiguredKeys, type Audit, type Identity, type Keys, type PersonalData, type Policy } from '@primum/trust';
import { assertResidency, storesOf } from './evidence/residency.ts';
import { personalData } from './rights/personal-data.ts';
import { sessionLimits } from './identity/session-limits.ts';
import { modeOf } from './mode.ts';
import { readRunFile } from './run-file.ts';

export const tenant = 1;

/** What every part stands on: the database, the keys outside it, the audit log. */
export type Core = {
  home: string;
  mode: Mode;
  db: Db;
  keys: Keys;
  audit: Audit;
  policy: Policy;
  identity: Identity;
  objects: ReturnType<typeof createObjects>;
  clock: Clock;
  log: Log;
  /** What is kept of a patient, in the order in which it is removed. */
  personalData: readonly PersonalData[];
  /** Told of patients who were erased, here or by another process: whoever keeps something of them in memory drops it. */
  onErased: ((patientIds: readonly string[]) => void)[];
  close(): Promise<void>;
};

export type CoreOptions = { /** As wanted; the home's own where it is settled. */ mode?: Mode | undefined; home: string; log: Log; databaseUrl?: string | undefined; maxConnections?: number; onStage?: (stage: StartStage | 'migrating') => void };

/**
 * Opens the core: on DATABASE_URL where one is given, on the database of a Primum that runs on this home (`beside`),
 * else on a PostgreSQL that is started here and stopped with it.
 */
export async function openCore(options: CoreOptions & { beside?: boolean }): Promise<Core> {
  const { home, log } = options;
  mkdirSync(home, { recursive: true });
  const mode = modeOf(home, options.mode);
  assertResidency(home, storesOf(home, options.databaseUrl));
  const running = options.beside === true ? readRunFile(home) : undefined;
  const given = options.databaseUrl ?? running?.databaseUrl;
  const postgres = given === undefined ? await startPostgres({ home, log, ...(options.onStage === undefined ? {} : { onProgress: options.onStage }) }) : undefined;
  try {
    const db = await openDb({ url: given ?? postgres!.connection.url, max: options.maxConnections ?? 12 });
    try {
      options.onStage?.('migrating');
      await migrate(db);
      const keys = await openConfiguredKeys(home, { tenants: [tenant], masterKeyFile: process.env['PRIMUM_MASTER_KEY_FILE'] });
      const audit = createAudit({ keys, db });
      const policy = createPolicy({ readPatientFacts, folders: [join(home, 'policies')], demonstration: mode === 'demonstration' });
      const identity = createIdentity({ db, keys, audit, policy, clock: systemClock }, { mode, limits: sessionLimits(process.env) });
      return {
        home, mode, db, keys, audit, policy, identity, objects: createObjects(join(home, 'objects')), clock: systemClock, log, personalData, onErased: [],
        close: async () => {
          await db.close();
          await postgres?.stop();
        },
      };
    } catch (error) {
      await db.close();
      throw error;
    }
  } catch (error) {
    await postgres?.stop();
    throw error;
  }
}
