import type { LineageGraph, LineageNode } from '@primum/contract';
import { expect, it } from 'vitest';
import { countText, neighboursOf, stepsOf } from './lineage-steps.ts';

const node = (id: string, kind: LineageNode['kind'], at: string): LineageNode => ({ id, kind, label: id, at, patientId: null, state: 'present' });
const graph: LineageGraph = {
  root: 'alert:1', direction: 'up', truncated: false,
  nodes: [node('alert:1', 'alert', '2026-01-01T03:00:00.000Z'), node('fact:2', 'fact', '2026-01-01T02:00:00.000Z'), node('fact:1', 'fact', '2026-01-01T01:00:00.000Z')],
  edges: [{ from: 'fact:1', to: 'alert:1' }, { from: 'fact:2', to: 'alert:1' }],
};

it('lists what passes in the order of passing, then of time', () => {
  expect(stepsOf(graph).map((step) => [countText(step), step.nodes.map(({ id }) => id)])).toEqual([['2 facts', ['fact:1', 'fact:2']], ['1 alert', ['alert:1']]]);
});

it('knows both sides of a node', () => {
  expect(neighboursOf(graph, 'from').get('alert:1')?.map(({ id }) => id)).toEqual(['fact:1', 'fact:2']);
  expect(neighboursOf(graph, 'to').get('fact:1')?.map(({ id }) => id)).toEqual(['alert:1']);
  expect(neighboursOf(graph, 'to').get('alert:1')).toBeUndefined();
});
