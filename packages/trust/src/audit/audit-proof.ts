import { PrimumError } from '@primum/base';
import type { Db } from '@primum/store';
import type { AuditLog } from './audit-log.ts';
import { inclusionProof } from './merkle-tree.ts';
import { tilesIn } from './tree.ts';

/** `hashes` from the leaf upwards (RFC 6962, section 2.1.1); leaf index is `seq - 1`, the tree that of the checkpoint `note`. */
export type InclusionProof = { id: string; seq: number; leaf: Buffer; size: number; hashes: Buffer[]; note: string; verifierKey: string };

/** That an entry is in the tree that the newest checkpoint signs; one that is younger gets a checkpoint first. Throws audit.event-missing. */
export async function proveInclusion(deps: { db: Db; auditLog: AuditLog }, tenant: number, id: string): Promise<InclusionProof> {
  const [row] = await deps.db.query<{ seq: number | null; leaf: Buffer }>('select seq, leaf from audit_event where tenant = $1 and id = $2', [tenant, id]);
  if (row === undefined || row.seq === null) throw new PrimumError('audit.event-missing');
  let state = await deps.auditLog.state();
  if (state.checkpoint === null || state.checkpoint.size < row.seq) {
    await deps.auditLog.checkpoint();
    state = await deps.auditLog.state();
  }
  const { checkpoint } = state;
  if (checkpoint === null || checkpoint.size < row.seq) throw new PrimumError('audit.event-missing');
  const hashes = await inclusionProof(tilesIn(deps.db, tenant), row.seq - 1, checkpoint.size);
  return { id, seq: row.seq, leaf: row.leaf, size: checkpoint.size, hashes, note: checkpoint.note, verifierKey: state.verifierKey };
}
