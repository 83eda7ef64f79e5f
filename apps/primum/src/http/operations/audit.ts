import { Readable } from 'node:stream';
import type { auditRoutes } from '@primum/contract';
import { exportEntries, proveInclusion, requirePermission, searchAudit, type AuditQuery } from '@primum/trust';
import { tenant } from '../../core.ts';
import { callerOf, optionalText, textOf } from '../caller.ts';
import type { HandlerDeps } from '../handler-deps.ts';
import type { Call, Handler } from '../serve-api.ts';

/** The audit log: search, export, proofs, checkpoints. */
export function auditOperations({ core, auditLog }: HandlerDeps): Record<keyof typeof auditRoutes | 'audit', Handler> {
  const { db, audit, clock } = core;
  const noted = async (call: Call, action: string, entities: { type: string; id: string }[] = []): Promise<void> => {
    const request = { tenant, principal: callerOf(call), purpose: 'HCOMPL', action } as const;
    await requirePermission(core, { ...request, authority: 'audit.read' });
    await audit.write(db, [{ ...request, outcome: 'success', at: clock.now(), entities }]);
  };
  return {
    audit: async (call) => {
      const { limit } = call.query;
      const cursor = optionalText(call.query, 'cursor');
      const page = await searchAudit(core, callerOf(call), {
        ...queryOf(call), ...(cursor === undefined || cursor === '' ? {} : { cursor }), ...(typeof limit === 'number' ? { limit } : {}),
      });
      return { ...page, rows: page.rows.map((row) => ({ ...row, at: row.at.toISOString() })) };
    },
    auditCheckpoint: async (call) => {
      await noted(call, 'audit.checkpoint.read');
      const { origin, verifierKey, checkpoint, directories, witnesses, trouble } = await auditLog.state();
      return {
        origin, verifierKey, copies: directories.length, witnesses, trouble,
        size: checkpoint?.size ?? 0, root: checkpoint?.root.toString('base64') ?? '', note: checkpoint?.note ?? '', madeAt: checkpoint?.madeAt.toISOString() ?? null,
      };
    },
    auditProof: async (call) => {
      const id = textOf(call.params, 'id');
      const proof = await proveInclusion({ db, auditLog }, tenant, id);
      await noted(call, 'audit.proof.read', [{ type: 'audit-event', id }]);
      return { ...proof, leaf: proof.leaf.toString('base64'), hashes: proof.hashes.map((hash) => hash.toString('base64')) };
    },
    auditExport: async (call) => {
      const format = call.query['format'] === 'csv' ? 'csv' : 'ndjson';
      const lines = exportEntries(core, callerOf(call), queryOf(call), format);
      const first = await lines.next(); // a refusal is still an answer of its own
      const rest = async function* (): AsyncGenerator<string> {
        if (first.done !== true) yield first.value;
        yield* lines;
      };
      await call.reply.headers({
        'content-type': format === 'csv' ? 'text/csv; charset=utf-8' : 'application/x-ndjson',
        'content-disposition': `attachment; filename="audit.${format}"`,
      }).send(Readable.from(rest()));
      return undefined;
    },
  };
}

function queryOf(call: Call): AuditQuery {
  const query: AuditQuery = { tenant, ...(call.query['by'] === 'people' ? { peopleOnly: true } : {}) };
  for (const name of ['patientId', 'actor', 'action', 'outcome', 'purpose'] as const) {
    const value = optionalText(call.query, name);
    if (value !== undefined && value !== '') query[name] = value;
  }
  for (const name of ['from', 'to'] as const) {
    const value = optionalText(call.query, name);
    if (value !== undefined) query[name] = new Date(value);
  }
  return query;
}
