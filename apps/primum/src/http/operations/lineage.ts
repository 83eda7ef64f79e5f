import type { LineageGraph, lineageRoutes } from '@primum/contract';
import { createFindModel, patientsOfNode, readLineage, toProvenance, type LineageDeps } from '@primum/serving';
import { requirePermission, withPhiReader, type PolicyRequest } from '@primum/trust';
import { tenant, type Core } from '../../core.ts';
import { modelFolderOf, trustedKeysOf } from '../../models.ts';
import { callerOf, optionalText, textOf } from '../caller.ts';
import type { HandlerDeps } from '../handler-deps.ts';
import type { Call, Handler } from '../serve-api.ts';

const defaultLimit = 1_000;

export function lineageOperations({ core, model }: HandlerDeps): Record<keyof typeof lineageRoutes, Handler> {
  const { db, log, home, clock } = core;
  const findModel = createFindModel({ log, atHand: [model], folders: [modelFolderOf(home)], trustedKeys: trustedKeysOf(home) });
  const deps: LineageDeps = { db, keys: core.keys, tenant, findModel, models: [model], codeNames: model.codes.byCode, maxRows: 2_000 };

  /** Ids, codes and times of a patient's record: a use of it like any other, for who may see this patient. */
  const lineage = async (call: Call): Promise<LineageGraph> => {
    const node = textOf(call.query, 'node');
    const limit = call.query['limit'];
    const query = { node, direction: optionalText(call.query, 'direction') === 'down' ? 'down' as const : 'up' as const, limit: typeof limit === 'number' ? limit : defaultLimit };
    const patientIds = await patientsOfNode(deps, node);
    const request = { tenant, principal: callerOf(call), purpose: 'HQUALIMP', action: 'lineage.read', authority: 'lineage.read' } as const;
    const entities = [{ type: 'lineage', id: node }];
    if (patientIds.length > 0) {
      return withPhiReader(core, { ...request, scope: { patientIds } }, async (reader) => {
        reader.note({ patientIds, entities });
        return readLineage(deps, query);
      });
    }
    await requirePermission(core, request);
    const graph = await readLineage(deps, query);
    const shown = await followable(core, request, graph);
    if (shown.length === 0) await core.audit.write(db, [{ ...request, outcome: 'success', at: clock.now(), entities }]);
    else await withPhiReader(core, { ...request, scope: { patientIds: shown } }, async (reader) => reader.note({ patientIds: shown, entities }));
    return { ...graph, nodes: graph.nodes.map((one) => (one.patientId === null || shown.includes(one.patientId) ? one : { ...one, patientId: null, label: one.kind })) };
  };
  return {
    lineage,
    lineageProvenance: async (call) => {
      void call.reply.type('application/fhir+json');
      return toProvenance(await lineage(call), clock.now());
    },
  };
}

/**
 * The patients of a graph whom the asker may follow. What rests on a model rests on patients of everywhere: of the others
 * it is told that there is a score or an alert, not whose and not what it says.
 */
async function followable({ db, policy }: Core, request: Omit<PolicyRequest, 'subject'>, graph: LineageGraph): Promise<string[]> {
  const named = [...new Set(graph.nodes.map(({ patientId }) => patientId).filter((id) => id !== null))];
  const facts = await policy.factsOf(db, tenant, named);
  return facts.filter((subject) => policy.decide({ ...request, subject }).allowed).map(({ patientId }) => patientId);
}
