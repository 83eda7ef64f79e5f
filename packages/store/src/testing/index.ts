import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { openDb, type Db, type OpenOptions } from '../database/open-db.ts';
import { databaseUrl, socketVariable, templateDatabase } from './global-setup.ts';

/**
 * A database of a test's own, with every migration applied, on the run's one PostgreSQL. About 50 ms. `drop` closes
 * `db` and removes the database; further handles are opened by `openDb({ url })` and must be closed before.
 */
export async function createTestDatabase(options: Omit<OpenOptions, 'url'> = {}): Promise<{ db: Db; url: string; drop(): Promise<void> }> {
  const server = await serverUrl();
  const name = `test_${randomBytes(6).toString('hex')}`;
  const admin = await openDb({ url: server, max: 1, applicationName: 'test-admin' });
  try {
    await admin.query(`create database ${name} template ${templateDatabase}`);
  } finally {
    await admin.close();
  }
  const url = databaseUrl(server, name);
  const db = await openDb({ url, applicationName: 'test', ...options });
  return {
    db,
    url,
    drop: async () => {
      await db.close();
      const again = await openDb({ url: server, max: 1, applicationName: 'test-admin' });
      await again.query(`drop database ${name} with (force)`).finally(() => again.close());
    },
  };
}

function serverUrl(): Promise<string> {
  const path = process.env[socketVariable];
  if (path === undefined) throw new Error('createTestDatabase needs vitest with the global setup of @primum/store/testing');
  return new Promise((resolve, reject) => {
    let said = '';
    connect(path)
      .on('data', (chunk) => { said += chunk.toString(); })
      .on('error', reject)
      .on('close', () => (said.startsWith('postgresql:') ? resolve(said) : reject(new Error(`the test server did not start: ${said}`))));
  });
}
