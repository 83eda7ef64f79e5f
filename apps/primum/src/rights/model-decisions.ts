import type { ModelDecision, ModelDecisionRequest } from '@primum/contract';
import { PrimumError, uuidv7 } from '@primum/base';
import { isTrainingStay, loadPackage, type ModelPackage } from '@primum/registry';
import type { Sql } from '@primum/store';
import type { UserPrincipal } from '@primum/trust';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { tenant, type Core } from '../core.ts';
import { modelFolderOf, trustedKeysOf } from '../models.ts';

const decideWithinDays = 30;
const dayMs = 86_400_000;
const maxPackages = 64;

/** The packages of this home: the served one, and those that are kept. One that does not verify is left out. */
export async function packagesOf(home: string, served: ModelPackage): Promise<ModelPackage[]> {
  const folder = modelFolderOf(home);
  const names = (await readdir(folder).catch(() => [])).toSorted().slice(0, maxPackages);
  const kept = await Promise.all(names.map((name) => loadPackage(join(folder, name), { trustedKeys: trustedKeysOf(home) }).catch(() => null)));
  const byDigest = new Map([served, ...kept.filter((model) => model !== null)].map((model) => [model.digest, model]));
  return [...byDigest.values()];
}

/**
 * Row closure over models: each package whose training data hold the person, by an identifier in its list of training
 * stays or (the served one) by the mark that an import set, waits for a decision from now on.
 */
export async function openModelDecisions(
  core: Pick<Core, 'clock'>, tx: Sql, packages: readonly ModelPackage[], person: { erasureId: string; memberIds: readonly string[]; identifiers: readonly string[] },
): Promise<void> {
  const [marked] = await tx.query<{ marked: boolean }>('select coalesce(bool_or(in_training), false) as marked from patient where tenant = $1 and id = any($2::uuid[])', [tenant, person.memberIds]);
  const openedAt = core.clock.now();
  for (const [index, model] of packages.entries()) {
    const listed = person.identifiers.some((identifier) => isTrainingStay(model.trainingStays, identifier));
    if (!listed && !(index === 0 && marked?.marked === true)) continue;
    await tx.query(`insert into model_decision (tenant, id, erasure_id, model_digest, model_name, opened_at, due_at) values ($1, $2, $3, decode($4, 'hex'), $5, $6, $7) on conflict do nothing`,
      [tenant, uuidv7(openedAt.getTime()), person.erasureId, model.digest, `${model.manifest.title} ${model.manifest.version}`, openedAt, new Date(openedAt.getTime() + decideWithinDays * dayMs)]);
  }
}

type Row = { id: string; erasure_id: string; digest: string; model_name: string; opened_at: Date; due_at: Date; decision: ModelDecision['decision']; decided_at: Date | null };
const columns = 'id, erasure_id, encode(model_digest, \'hex\') as digest, model_name, opened_at, due_at, decision, decided_at';

export async function listModelDecisions(sql: Sql): Promise<ModelDecision[]> {
  return (await sql.query<Row>(`select ${columns} from model_decision where tenant = $1 order by decided_at desc nulls first, due_at limit 200`, [tenant])).map(toView);
}

/** Errors: rights.not-found, rights.transition-invalid (it was decided before). */
export async function decideModel(core: Core, principal: UserPrincipal, id: string, { decision, reason }: ModelDecisionRequest): Promise<ModelDecision> {
  const at = core.clock.now();
  await core.keys.ensure(tenant, [{ kind: 'tenant' }]);
  return core.db.transaction(async (tx) => {
    const [row] = await tx.query<Row>(`select ${columns} from model_decision where tenant = $1 and id = $2 for update`, [tenant, id]);
    if (row === undefined) throw new PrimumError('rights.not-found');
    if (row.decision !== null) throw new PrimumError('rights.transition-invalid', 'it was decided before');
    const sealed = core.keys.seal(tenant, { kind: 'tenant' }, Buffer.from(reason), `model-decision|${tenant}|${id}`);
    await tx.query('update model_decision set decision = $3, decided_at = $4, decided_by = $5, sealed_reason = $6 where tenant = $1 and id = $2', [tenant, id, decision, at, principal.userId, sealed]);
    await core.audit.write(tx, [{ tenant, principal, purpose: 'HOPERAT', action: 'model.decided', outcome: 'success', at, entities: [{ type: 'model', id: row.digest }, { type: 'erasure', id: row.erasure_id }] }]);
    return toView({ ...row, decision, decided_at: at });
  });
}

function toView(row: Row): ModelDecision {
  return {
    id: row.id, erasureId: row.erasure_id, model: row.model_name, digest: row.digest, openedAt: row.opened_at.toISOString(), dueAt: row.due_at.toISOString(),
    decision: row.decision, decidedAt: row.decided_at?.toISOString() ?? null,
  };
}
