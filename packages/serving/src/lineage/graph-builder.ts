import type { LineageGraph, LineageNode } from '@primum/contract';

/** Gathers nodes and edges once each, up to a limit of nodes. */
export type GraphBuilder = {
  /** False where there was no room any more: what hangs on it need not be asked for. */
  add(node: LineageNode): boolean;
  link(from: string, to: string): void;
  has(id: string): boolean;
  cut(): void;
  graph(): LineageGraph;
};

export function createGraphBuilder(root: string, direction: LineageGraph['direction'], limit: number): GraphBuilder {
  const nodes = new Map<string, LineageNode>();
  const edges = new Map<string, { from: string; to: string }>();
  let truncated = false;
  return {
    add(node) {
      if (nodes.has(node.id)) return true;
      if (nodes.size >= limit) {
        truncated = true;
        return false;
      }
      nodes.set(node.id, node);
      return true;
    },
    link: (from, to) => { edges.set(`${from} ${to}`, { from, to }); },
    has: (id) => nodes.has(id),
    cut: () => { truncated = true; },
    // An edge to a node that found no room would lead nowhere.
    graph: () => ({ root, direction, nodes: [...nodes.values()], edges: [...edges.values()].filter(({ from, to }) => nodes.has(from) && nodes.has(to)), truncated }),
  };
}
