import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Db } from '@primum/store';
import type { Flow } from '@primum/trust';
import { lineageUrl } from '../lineage/emit-lineage.ts';
import { readRunFile } from '../run-file.ts';
import { hostOf } from './residency.ts';

const loopback = ['127.0.0.1', 'localhost', '[::1]', 'this machine'];

/**
 * Every way that data leave this house, as settings and registered clients say it: what an agreement must cover. Senders of
 * messages bring data in and are none.
 */
export async function dataFlows({ db, home }: { db: Db; home: string }, tenant: number, environment: NodeJS.ProcessEnv): Promise<Flow[]> {
  const clients = await db.query<{ id: string; name: string }>(
    `select id, name from client where tenant = $1 and disabled_at is null and exists (select from unnest(scopes) s where s ~ '^(patient|user|system)/') order by id limit 500`, [tenant]);
  const flows: Flow[] = clients.map(({ id, name }) => ({ id: `client:${id}`, what: `${name} reads FHIR resources`, to: name, personal: true }));
  const outside = (id: string, what: string, url: string | undefined, personal: boolean): void => {
    if (url !== undefined && !loopback.includes(hostOf(url))) flows.push({ id, what, to: hostOf(url), personal });
  };
  outside('database', 'The database: sealed content, coded values under pseudonyms', environment['DATABASE_URL'], true);
  outside('lineage', 'Lineage events: ids, digests and counts', lineageUrl(environment), false);
  outside('key-store', 'The key store: wrapped keys, no content', settingOf(home, 'keys.json', 'vault', 'address'), false);
  outside('issuer', 'Sign-ins of staff at another issuer: no patient’s data', settingOf(home, 'issuer.json', 'issuer'), false);
  const { places } = readRunFile(home) ?? {};
  for (const { name, url } of places?.witnesses ?? []) outside(`witness:${name}`, 'Heads of the audit log: digests and sizes', url, false);
  const mounts = networkMounts();
  const remote = (id: string, what: string, directory: string | undefined, personal: boolean): void => {
    const mount = directory === undefined ? undefined : mounts.filter(({ at }) => directory === at || directory.startsWith(`${at}/`)).toSorted((a, b) => b.at.length - a.at.length)[0];
    if (mount !== undefined) flows.push({ id, what, to: mount.source, personal });
  };
  remote('backups', 'Backups of the database: sealed, readable with the keys alone', places?.backups, true);
  remote('key-backups', 'Backups of the keys: wrapped', places?.keyBackups, false);
  return flows;
}

/** A text in one of the home's own settings files; what it means is its reader's to check. */
function settingOf(home: string, name: string, ...path: readonly string[]): string | undefined {
  const file = join(home, name);
  if (!existsSync(file)) return undefined;
  let value: unknown = JSON.parse(readFileSync(file, 'utf8'));
  for (const part of path) value = typeof value === 'object' && value !== null ? Object.entries(value).find(([key]) => key === part)?.[1] : undefined;
  return typeof value === 'string' ? value : undefined;
}

/** Folders that lie on another machine; where the system doesn't say, none is known. */
function networkMounts(): { at: string; source: string }[] {
  const file = '/proc/self/mounts';
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8').split('\n').flatMap((line) => {
    const [source = '', at = '', type = ''] = line.split(' ');
    return /^(nfs4?|cifs|smb3?|ceph|glusterfs|9p|fuse\.(sshfs|s3fs|rclone|gcsfuse|blobfuse2?|goofys))$/.test(type) ? [{ at, source }] : [];
  });
}
