import { lineageKinds, type LineageGraph, type LineageKind, type LineageNode } from '@primum/contract';

export type LineageStep = { kind: LineageKind; nodes: LineageNode[] };

/** What stands in a graph, in the order in which data passes; kinds that don't occur are left out. */
export function stepsOf({ nodes }: LineageGraph): LineageStep[] {
  return lineageKinds.flatMap((kind) => {
    const some = nodes.filter((node) => node.kind === kind).sort((a, b) => (a.at ?? '').localeCompare(b.at ?? ''));
    return some.length === 0 ? [] : [{ kind, nodes: some }];
  });
}

/** The neighbours of each node on one side. */
export function neighboursOf({ edges, nodes }: LineageGraph, side: 'from' | 'to'): Map<string, LineageNode[]> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const found = new Map<string, LineageNode[]>();
  for (const edge of edges) {
    const [at, other] = side === 'from' ? [edge.to, edge.from] : [edge.from, edge.to];
    const node = byId.get(other);
    if (node === undefined) continue;
    const some = found.get(at);
    if (some === undefined) found.set(at, [node]);
    else some.push(node);
  }
  return found;
}

const words: Readonly<Record<LineageKind, readonly [one: string, several: string]>> = {
  message: ['message', 'messages'], resource: ['version in the record', 'versions in the record'], fact: ['fact', 'facts'], feature: ['input', 'inputs'],
  snapshot: ['training data', 'training data'], run: ['training run', 'training runs'], model: ['model', 'models'], prediction: ['score', 'scores'], alert: ['alert', 'alerts'], action: ['action', 'actions'],
};

export function countText({ kind, nodes }: LineageStep): string {
  return `${nodes.length} ${words[kind][nodes.length === 1 ? 0 : 1]}`;
}
