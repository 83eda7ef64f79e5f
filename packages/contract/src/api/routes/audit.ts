import { Type } from 'typebox';
import { Instant, Nullable, OneOf, Text, Uuid } from '../common.ts';
import type { Route } from '../route.ts';

/** What an audit entry can be looked for by. `from` and `to` bound its time, `to` exclusive. */
export const auditFilters = {
  /** `people`: without what the parts of Primum do by themselves. */
  by: Type.Optional(OneOf(['people', 'everyone'] as const)),
  patientId: Type.Optional(Uuid),
  actor: Type.Optional(Text(100)),
  action: Type.Optional(Text(60)),
  outcome: Type.Optional(OneOf(['success', 'minor-failure', 'serious-failure'] as const)),
  purpose: Type.Optional(Text(20)),
  from: Type.Optional(Instant),
  to: Type.Optional(Instant),
};

/** The newest signed head of the audit log (c2sp.org/tlog-checkpoint); hashes in base64. */
export const AuditCheckpoint = Type.Object({
  origin: Type.String(),
  verifierKey: Type.String(),
  size: Type.Integer(),
  root: Type.String(),
  note: Type.String(),
  madeAt: Nullable(Instant),
  /** Folders outside the database, and witnesses, that hold it. */
  copies: Type.Integer(),
  witnesses: Type.Integer(),
  /** Code of what keeps the log from being signed; null: nothing. */
  trouble: Nullable(Type.String()),
});
export type AuditCheckpoint = Type.Static<typeof AuditCheckpoint>;

/** RFC 6962 proof that the entry is the leaf `seq - 1` of the tree that the checkpoint signs; hashes in base64, leaf upwards. */
export const AuditProof = Type.Object({
  id: Uuid,
  seq: Type.Integer(),
  leaf: Type.String(),
  size: Type.Integer(),
  hashes: Type.Array(Type.String()),
  note: Type.String(),
  verifierKey: Type.String(),
});
export type AuditProof = Type.Static<typeof AuditProof>;

/** The audit log: export, proofs, checkpoints. (Its search stands in the table of routes itself.) */
export const auditRoutes = {
  auditCheckpoint: { method: 'GET', path: '/api/audit/checkpoint', needs: 'audit.read', response: AuditCheckpoint },
  auditProof: { method: 'GET', path: '/api/audit/proof/:id', needs: 'audit.read', params: Type.Object({ id: Uuid }), response: AuditProof },
  auditExport: { method: 'GET', path: '/api/audit/export', needs: 'audit.export', query: Type.Object({ ...auditFilters, format: OneOf(['csv', 'ndjson'] as const) }) },
} as const satisfies Record<string, Route>;
