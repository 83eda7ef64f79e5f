import { parseArgs } from 'node:util';
import { PrimumError } from '@primum/base';
import { lineageKinds, type LineageGraph } from '@primum/contract';
import { createFindModel, patientsOfNode, readLineage, type LineageDeps } from '@primum/serving';
import { mintSystemPrincipal, requirePermission } from '@primum/trust';
import { tenant } from '../core.ts';
import { loadServedModel, modelFolderOf, trustedKeysOf } from '../models.ts';
import { homeOf, osUser, withCore, wholeNumber } from './settings.ts';

/** Prints what a node was made from or what was made of it, kind by kind. */
export async function lineage(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args], allowPositionals: true, options: { home: { type: 'string' }, down: { type: 'boolean' }, json: { type: 'boolean' }, limit: { type: 'string' } },
  });
  const [node] = positionals;
  if (node === undefined) throw new PrimumError('config.usage', 'primum lineage KIND:ID [--down] [--json] [--limit N]');
  const home = homeOf(values.home);
  await withCore(home, async (core) => {
    const model = await loadServedModel(home);
    const findModel = createFindModel({ log: core.log, atHand: [model], folders: [modelFolderOf(home)], trustedKeys: trustedKeysOf(home) });
    const deps: LineageDeps = { db: core.db, keys: core.keys, tenant, findModel, models: [model], codeNames: model.codes.byCode, maxRows: 5_000 };
    const patientIds = await patientsOfNode(deps, node);
    const request = { tenant, principal: mintSystemPrincipal(`cli:${osUser()}`), purpose: 'HQUALIMP', action: 'lineage.read', authority: 'lineage.read', patientIds } as const;
    await requirePermission(core, request);
    await core.audit.write(core.db, [{ ...request, outcome: 'success', entities: [{ type: 'lineage', id: node }], at: core.clock.now() }]);
    const graph = await readLineage(deps, { node, direction: values.down === true ? 'down' : 'up', limit: wholeNumber('limit', values.limit, 10, 5_000) ?? 1_000 });
    console.log(values.json === true ? JSON.stringify(graph) : asText(graph));
  });
}

function asText({ nodes, truncated }: LineageGraph): string {
  const lines = lineageKinds.flatMap((kind) => {
    const some = nodes.filter((node) => node.kind === kind);
    return some.length === 0 ? [] : [`${kind} (${some.length})`, ...some.map(({ id, label, at, state }) => `  ${id.slice(kind.length + 1)}  ${label}${at === null ? '' : `  ${at}`}${state === 'present' ? '' : `  ${state}`}`)];
  });
  return [...lines, ...(truncated ? ['There is more: raise --limit.'] : [])].join('\n');
}
