import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PrimumError, type Clock } from '@primum/base';
import type { Db } from '@primum/store';
import type { Principal } from '../access/principal.ts';
import { requirePermission } from '../access/require-permission.ts';
import type { Keys } from '../keys/keys.ts';
import type { Policy } from '../policy/policy.ts';
import { openAuditEvent, type Audit } from './audit.ts';
import { appendOutside } from './outside-log.ts';
import { searchRows, type AuditQuery } from './search-audit.ts';
import { tilesIn } from './tree.ts';

export type ExportDeps = { db: Db; keys: Keys; audit: Audit; clock: Clock; policy: Policy };

const pageRows = 500;
const columns = ['seq', 'id', 'at', 'actor', 'action', 'outcome', 'purpose', 'patients', 'entities'] as const;

/**
 * Entries of the log, latest first, a page at a time: CSV (RFC 4180) or NDJSON of FHIR AuditEvents. For who holds
 * `audit.export`; that is on the log before the first line leaves. At most what the query's filters match, never all in
 * memory.
 */
export async function* exportEntries(deps: ExportDeps, principal: Principal, query: Omit<AuditQuery, 'cursor' | 'limit'>, format: 'csv' | 'ndjson'): AsyncGenerator<string> {
  await allowed(deps, principal, query.tenant, format, query.patientId);
  if (format === 'csv') yield `${columns.join(',')}\r\n`;
  let cursor: string | undefined;
  do {
    const rows = await searchRows(deps.db, { ...query, ...(cursor === undefined ? {} : { cursor }) }, pageRows);
    const lines = await Promise.all(rows.map(async (row) => {
      const { event, canonical } = await openAuditEvent(deps.keys, query.tenant, row.id, row.sealed);
      if (format === 'ndjson') return `${canonical}\n`;
      const entities = (event.entity ?? []).filter(({ role }) => role?.code !== '1').map(({ what }) => what?.reference ?? `${what?.identifier?.system ?? ''}|${what?.identifier?.value ?? ''}`);
      const patients = row.patient_ids ?? (row.patient_id === null ? [] : [row.patient_id]);
      return `${[row.seq ?? '', row.id, row.recorded_at.toISOString(), row.actor, row.action, row.outcome, row.purpose, patients.join(' '), entities.join(' ')].map(cell).join(',')}\r\n`;
    }));
    yield lines.join('');
    cursor = rows.length < pageRows ? undefined : rows.at(-1)?.id;
  } while (cursor !== undefined);
}

/** Quoted, and never a formula to a spreadsheet (OWASP, CSV injection): what begins like one gets an apostrophe before it. */
function cell(value: string | number): string {
  const text = String(value);
  return `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
}

async function allowed(deps: ExportDeps, principal: Principal, tenant: number, format: string, patientId?: string): Promise<void> {
  const request = { tenant, principal, purpose: 'HCOMPL', action: 'audit.export' } as const;
  await requirePermission(deps, { ...request, authority: 'audit.export' });
  await deps.audit.write(deps.db, [{ ...request, outcome: 'success', at: deps.clock.now(), entities: [{ type: 'export', id: format }], ...(patientId === undefined ? {} : { patientId }) }]);
}

/**
 * Writes the whole log to a folder for who verifies it elsewhere: checkpoints, tiles and verifier keys as they lie outside
 * (see outside-log), and with `events` each event with its salt, from which its leaf follows. Returns the tree's size.
 */
export async function exportLog(deps: ExportDeps, principal: Principal, options: { tenant: number; directory: string; verifierKey: string; events: boolean }): Promise<number> {
  const { tenant, directory, verifierKey } = options;
  await allowed(deps, principal, tenant, 'log');
  const notes = await deps.db.query<{ size: number; note: string }>('select size, note from audit_checkpoint where tenant = $1 order by size', [tenant]);
  const newest = notes.at(-1);
  if (newest === undefined) throw new PrimumError('audit.event-missing', 'no checkpoint yet');
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeFile(join(directory, 'checkpoints.ndjson'), notes.slice(0, -1).map(({ note }) => `${JSON.stringify(note)}\n`).join(''), { mode: 0o600 });
  await appendOutside(directory, { ...newest, verifierKey }, 0, tilesIn(deps.db, tenant));
  if (options.events) await writeEvents(deps, tenant, newest.size, join(directory, 'events.ndjson'));
  return newest.size;
}

async function writeEvents({ db, keys }: ExportDeps, tenant: number, size: number, path: string): Promise<void> {
  const file = await open(path, 'w', 0o600);
  try {
    for (let after = 0; after < size;) {
      const rows = await db.query<{ seq: number; id: string; sealed: Buffer }>('select seq, id, sealed from audit_event where tenant = $1 and seq > $2 and seq <= $3 order by seq limit $4', [tenant, after, size, pageRows]);
      const last = rows.at(-1);
      if (last === undefined) break;
      const lines = await Promise.all(rows.map(async ({ seq, id, sealed }) => {
        const { salt, canonical } = await openAuditEvent(keys, tenant, id, sealed);
        return `${JSON.stringify({ seq, salt: salt.toString('base64'), event: canonical })}\n`;
      }));
      await file.writeFile(lines.join(''));
      after = last.seq;
    }
    await file.sync();
  } finally {
    await file.close();
  }
}
