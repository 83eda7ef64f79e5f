import type { LineageGraph, lineageRoutes } from '@primum/contract';
import { createFindModel, patientsOfNode, readLineage, toProvenance, type LineageDeps } from '@primum/serving';
import { requirePermission, withPhiReader } from '@primum/trust';
import { tenant } from '../../core.ts';
import { modelFolderOf, trustedKeysOf } from '../../models.ts';
import { callerOf, optionalText, textOf } from '../caller.ts';
import type { HandlerDeps } from '../handler-deps.ts';
import type { Call, Handler } from '../serve-api.ts';

const defaultLimit = 1_000;

export function lineageOperations({ core, model }: HandlerDeps): Record<keyof typeof lineageRoutes, Handler> {
  const { db, log, home, clock } = core;
  const findModel = createFindModel({ log, atHand: [model], folders: [modelFolderOf(home)], trustedKeys: trustedKeysOf(home) });
  const deps: LineageDeps = { db, tenant, findModel, models: [model], maxRows: 2_000 };

  /** Ids, codes and times of a patient's record: a use of it like any other, for who may see this patient. */
  const lineage = async (call: Call): Promise<LineageGraph> => {
    const node = textOf(call.query, 'node');
    const limit = call.query['limit'];
    const query = { node, direction: optionalText(call.query, 'direction') === 'down' ? 'down' as const : 'up' as const, limit: typeof limit === 'number' ? limit : defaultLimit };
    const patientIds = await patientsOfNode(deps, node);
    const request = { tenant, principal: callerOf(call), purpose: 'HQUALIMP', action: 'lineage.read', authority: 'lineage.read' } as const;
    if (patientIds.length === 0) {
      await requirePermission(core, request);
      return readLineage(deps, query);
    }
    return withPhiReader(core, { ...request, scope: { patientIds } }, async (reader) => {
      reader.note({ patientIds, entities: [{ type: 'lineage', id: node }] });
      return readLineage(deps, query);
    });
  };
  return {
    lineage,
    lineageProvenance: async (call) => {
      void call.reply.type('application/fhir+json');
      return toProvenance(await lineage(call), clock.now());
    },
  };
}
