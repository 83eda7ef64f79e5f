import type { Db } from '@primum/store';
import type { Flow } from '@primum/trust';
import { lineageUrl } from '../lineage/emit-lineage.ts';
import { hostOf } from './residency.ts';

const loopback = ['127.0.0.1', 'localhost', '[::1]', 'this machine'];

/**
 * Every way that data leave this house, as settings and registered clients say it: what an agreement must cover. Senders of
 * messages bring data in and are none.
 */
export async function dataFlows(db: Db, tenant: number, environment: NodeJS.ProcessEnv): Promise<Flow[]> {
  const clients = await db.query<{ id: string; name: string }>(
    `select id, name from client where tenant = $1 and disabled_at is null and exists (select from unnest(scopes) s where s ~ '^(patient|user|system)/') order by id limit 500`, [tenant]);
  const flows: Flow[] = clients.map(({ id, name }) => ({ id: `client:${id}`, what: `${name} reads FHIR resources`, to: name, personal: true }));
  const outside = (id: string, what: string, url: string | undefined, personal: boolean): void => {
    if (url !== undefined && !loopback.includes(hostOf(url))) flows.push({ id, what, to: hostOf(url), personal });
  };
  outside('database', 'The database: sealed content, coded values under pseudonyms', environment['DATABASE_URL'], true);
  outside('lineage', 'Lineage events: ids, digests and counts', lineageUrl(environment), false);
  return flows;
}
