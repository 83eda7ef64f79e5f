import { PrimumError, uuidv7 } from '@primum/base';
import { nextState, bulkLifecycle, type BulkEvent, type BulkState } from '@primum/contract';
import { contentById, dropContents, insertContent, type StoredContent } from '@primum/record';
import type { Db, Sql } from '@primum/store';
import { standingPrincipal, type ClientPrincipal, type Principal, type Purpose, type UserPrincipal } from '@primum/trust';
import { tenant, type Core } from '../core.ts';

/** Whose job it is: a service account, or a person through an app. `scopes` are those of then. */
export type BulkOwner = { clientId: string | null; userId: string | null; patientId: string | null; scopes: readonly string[] };
export type BulkJob = {
  id: string; kind: 'export' | 'import' | 'pull'; status: BulkState; owner: BulkOwner; purpose: Purpose; request: unknown; place: unknown; done: number; failed: number; reason: string | null;
  asOf: Date; createdAt: Date; expiresAt: Date | null;
};
export type BulkFile = { n: number; kind: 'output' | 'deleted' | 'error'; type: string; resources: number; contentId: string };

type Row = {
  id: string; kind: BulkJob['kind']; status: BulkState; client_id: string | null; user_id: string | null; patient_id: string | null; scopes: string[]; purpose: Purpose;
  request: unknown; place: unknown; done: number; failed: number; reason: string | null; as_of: Date; created_at: Date; expires_at: Date | null;
};
const columns = 'id, kind, status, client_id, user_id, patient_id, scopes, purpose, request, place, done, failed, reason, as_of, created_at, expires_at';
const jobOf = (row: Row): BulkJob => ({
  id: row.id, kind: row.kind, status: row.status, purpose: row.purpose, request: row.request, place: row.place, done: row.done, failed: row.failed, reason: row.reason, asOf: row.as_of, createdAt: row.created_at, expiresAt: row.expires_at,
  owner: { clientId: row.client_id, userId: row.user_id, patientId: row.patient_id, scopes: row.scopes },
});

/** Jobs of one client that wait or run; more are refused, so that nobody fills the disk by asking. */
const maxWaiting = 10;
const leaseMinutes = 2;
/** How often a job is begun where its process died each time before it came any further. */
const maxTries = 5;
const keptHours = 24;

export function ownerOf(principal: Principal): BulkOwner {
  if (principal.kind === 'client') return { clientId: principal.clientId, userId: null, patientId: null, scopes: principal.scopes };
  if (principal.kind === 'user' && principal.via !== undefined) return { clientId: principal.via.clientId, userId: principal.userId, patientId: principal.via.patientId ?? null, scopes: principal.via.scopes };
  throw new PrimumError('auth.forbidden', 'a bulk job is a service account\'s or an app\'s; at this machine: primum fhir');
}

/** An export of what changed since `as_of` misses nothing: whatever was being written when the job was asked for counts as later. */
const asOf = "least(clock_timestamp(), (select min(xact_start) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()))";

export async function beginJob(tx: Sql, job: Pick<BulkJob, 'kind' | 'owner' | 'purpose' | 'request'>): Promise<string> {
  const { clientId, userId, patientId, scopes } = job.owner;
  const [waiting] = await tx.query<{ n: number }>("select count(*) as n from bulk_job where tenant = $1 and client_id = $2 and status in ('accepted', 'running')", [tenant, clientId]);
  if ((waiting?.n ?? 0) >= maxWaiting) throw new PrimumError('api.too-many');
  const id = uuidv7();
  await tx.query(`insert into bulk_job (tenant, id, kind, status, client_id, user_id, patient_id, scopes, purpose, request, as_of) values ($1, $2, $3, 'accepted', $4, $5, $6, $7, $8, $9, ${asOf})`,
    [tenant, id, job.kind, clientId, userId, patientId, scopes, job.purpose, JSON.stringify(job.request)]);
  return id;
}

/** A job of this owner. Throws bulk.not-found. */
export async function ownJob(sql: Sql, id: string, owner: BulkOwner): Promise<BulkJob> {
  const [row] = await sql.query<Row>(`select ${columns} from bulk_job where tenant = $1 and id = $2 and client_id = $3 and user_id is not distinct from $4`, [tenant, id, owner.clientId, owner.userId]);
  if (row === undefined) throw new PrimumError('bulk.not-found');
  return jobOf(row);
}

export async function jobsWait(sql: Sql): Promise<boolean> {
  return (await sql.query("select from bulk_job where tenant = $1 and kind <> 'pull' and status in ('accepted', 'running') and (leased_until is null or leased_until < now()) limit 1", [tenant])).length > 0;
}

/**
 * The next job that waits, or whose process is gone, for the caller alone; null where there is none. Its tries are counted
 * in its place, which `advanceJob` replaces; the last of too many fails.
 */
export async function claimJob(db: Db): Promise<BulkJob | null> {
  const [row] = await db.query<Row>(`
    update bulk_job set status = 'running', place = place || jsonb_build_object('tries', coalesce((place ->> 'tries')::int, 0) + 1), leased_until = now() + interval '${leaseMinutes} minutes' where tenant = $1 and id = (
      select id from bulk_job where tenant = $1 and kind <> 'pull' and status in ('accepted', 'running') and (leased_until is null or leased_until < now()) order by created_at limit 1 for update skip locked)
    returning ${columns}`, [tenant]);
  if (row === undefined) return null;
  const { tries, ...place } = row.place as { tries: number };
  if (tries <= maxTries) return jobOf({ ...row, place });
  await db.transaction((tx) => stepJob(tx, row.id, 'fail', 'bulk.given-up'));
  return claimJob(db);
}

/** Gives back what is under way, for whoever is next, at once and without counting as a try. */
export async function releaseJobs(db: Sql): Promise<void> {
  await db.query("update bulk_job set leased_until = null, place = place - 'tries' where tenant = $1 and status = 'running' and kind <> 'pull'", [tenant]);
}

/** Says how far it came and keeps the lease; false where it was cancelled meanwhile. */
export async function advanceJob(tx: Sql, id: string, { place, done, failed = 0 }: { place: unknown; done: number; failed?: number }): Promise<boolean> {
  const rows = await tx.query(`update bulk_job set place = $3, done = done + $4, failed = failed + $5, leased_until = now() + interval '${leaseMinutes} minutes' where tenant = $1 and id = $2 and status = 'running' returning id`,
    [tenant, id, JSON.stringify(place), done, failed]);
  return rows.length > 0;
}

export async function stepJob(tx: Sql, id: string, event: BulkEvent, reason: string | null = null): Promise<void> {
  const [row] = await tx.query<{ status: BulkState }>('select status from bulk_job where tenant = $1 and id = $2 for update', [tenant, id]);
  const next = row === undefined ? undefined : nextState(bulkLifecycle, row.status, event);
  if (next === undefined) return;
  await tx.query(`update bulk_job set status = $3, reason = $4, finished_at = now(), leased_until = null, expires_at = now() + interval '${keptHours} hours' where tenant = $1 and id = $2`, [tenant, id, next, reason]);
}

/** The owner as they stand now; what was allowed then and is not any more ends the job. Throws auth.token-invalid. */
export async function principalOf(core: Core, job: BulkJob): Promise<UserPrincipal | ClientPrincipal> {
  const { clientId, userId, patientId, scopes } = job.owner;
  const principal = clientId === null ? null : await standingPrincipal(core.db, core, tenant, { clientId, userId, patientId, scopes, since: job.createdAt });
  if (principal === null) throw new PrimumError('auth.token-invalid');
  return principal;
}

export async function addFile(tx: Sql, jobId: string, file: Omit<BulkFile, 'n' | 'contentId'>, content: StoredContent): Promise<void> {
  await insertContent(tx, tenant, content);
  await tx.query(`insert into bulk_file (tenant, job_id, n, kind, type, resources, content_id) select $1, $2, coalesce(max(n), 0) + 1, $3, $4, $5, $6 from bulk_file where tenant = $1 and job_id = $2`,
    [tenant, jobId, file.kind, file.type, file.resources, content.id]);
}

export async function filesOf(sql: Sql, jobId: string): Promise<BulkFile[]> {
  const rows = await sql.query<{ n: number; kind: BulkFile['kind']; type: string; resources: number; content_id: string }>('select n, kind, type, resources, content_id from bulk_file where tenant = $1 and job_id = $2 order by n', [tenant, jobId]);
  return rows.map(({ content_id, ...row }) => ({ ...row, contentId: content_id }));
}

export async function fileContent(sql: Sql, jobId: string, n: number): Promise<StoredContent> {
  const [row] = await sql.query<{ content_id: string }>('select content_id from bulk_file where tenant = $1 and job_id = $2 and n = $3', [tenant, jobId, n]);
  const content = row === undefined ? null : await contentById(sql, tenant, row.content_id);
  if (content === null) throw new PrimumError('content.missing');
  return content;
}

/** A person is erased: whatever was exported may hold them, under the tenant's key. Every export ends, and its files are dropped within a minute. */
export async function endExports(tx: Sql): Promise<void> {
  await tx.query("update bulk_job set status = 'cancelled', reason = 'record.erased', finished_at = now(), leased_until = null, expires_at = now() where tenant = $1 and kind = 'export' and status <> 'cancelled'", [tenant]);
}

/** Drops files of jobs that were cancelled, and jobs whose time is over. */
export async function sweepJobs(core: Core): Promise<void> {
  const objects = await core.db.transaction(async (tx) => {
    const files = await tx.query<{ content_id: string }>(`
      select f.content_id from bulk_job j join bulk_file f on f.tenant = j.tenant and f.job_id = j.id where j.tenant = $1 and (j.status = 'cancelled' or j.expires_at < now()) limit 1000`, [tenant]);
    const dropped = await dropContents(tx, tenant, files.map(({ content_id }) => content_id));
    await tx.query('delete from bulk_file where tenant = $1 and content_id = any($2::uuid[])', [tenant, files.map(({ content_id }) => content_id)]);
    await tx.query('delete from bulk_job j where tenant = $1 and expires_at < now() and not exists (select from bulk_file f where f.tenant = j.tenant and f.job_id = j.id)', [tenant]);
    return dropped;
  });
  for (const digest of objects) await core.objects.remove(digest).catch(() => false);
}
