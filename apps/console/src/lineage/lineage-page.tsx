import type { LineageGraph, LineageKind, LineageNode } from '@primum/contract';
import { Button, Group, SegmentedControl, TextInput } from '@mantine/core';
import { queryOptions, useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { callApi } from '../api/client.ts';
import type { LineageSearch } from '../route-search.ts';
import { dateTimeText } from '../time/ward-clock.ts';
import { FailureNote } from '../ui/failure-note.tsx';
import { countText, neighboursOf, stepsOf, type LineageStep } from './lineage-steps.ts';
import styles from './lineage.module.css';

/** More than this many rows of a kind, or neighbours of a row, are folded. */
const shownRows = 12;
const shownNeighbours = 3;
const limit = 2_000;

const lineageQuery = (node: string, direction: 'up' | 'down') => queryOptions({
  queryKey: ['lineage', node, direction],
  queryFn: ({ signal }) => callApi('lineage', { query: { node, direction, limit } }, signal),
});

/** What something was made from, or what was made of it, step by step from message to action. */
export function LineagePage() {
  const { node, direction = 'up' } = useSearch({ from: '/signed-in/lineage' });
  return (
    <div className={styles['page']}>
      <h1>Lineage</h1>
      <Question key={`${node} ${direction}`} node={node ?? ''} direction={direction} />
      {node === undefined
        ? <p className="quiet">Ask about a score, an alert, a message or a model: its address stands behind “where it comes from” on a patient’s page.</p>
        : <Answer node={node} direction={direction} />}
    </div>
  );
}

function Question({ node, direction }: { node: string; direction: 'up' | 'down' }) {
  const navigate = useNavigate({ from: '/lineage' });
  const [text, setText] = useState(node);
  const ask = (search: LineageSearch): void => void navigate({ search });
  return (
    <form onSubmit={(event) => { event.preventDefault(); if (text.trim() !== '') ask({ node: text.trim(), direction }); }}>
      <Group align="end" gap="sm">
        <TextInput size="xs" label="About" placeholder="prediction:…, alert:…, message:…, model:…" w={440} maxLength={200} value={text} onChange={(event) => setText(event.currentTarget.value)} />
        <SegmentedControl
          size="xs" aria-label="Direction" value={direction} data={[{ value: 'up', label: 'What it was made from' }, { value: 'down', label: 'What was made of it' }]}
          onChange={(value) => { if (text.trim() !== '') ask({ node: text.trim(), direction: value === 'down' ? 'down' : 'up' }); }}
        />
        <Button type="submit">Show</Button>
      </Group>
    </form>
  );
}

function Answer({ node, direction }: { node: string; direction: 'up' | 'down' }) {
  const { data, error } = useQuery(lineageQuery(node, direction));
  if (error !== null) return <FailureNote error={error} title="The lineage could not be loaded" />;
  if (data === undefined) return <p>Loading the lineage …</p>;
  return <Steps graph={data} />;
}

function Steps({ graph }: { graph: LineageGraph }) {
  const steps = useMemo(() => stepsOf(graph), [graph]);
  const sources = useMemo(() => neighboursOf(graph, 'from'), [graph]);
  const uses = useMemo(() => neighboursOf(graph, 'to'), [graph]);
  if (graph.nodes.length <= 1) return <p>{graph.direction === 'up' ? 'It came from outside: nothing here was used to make it.' : 'Nothing rests on it.'}</p>;
  return (
    <>
      {chains.map((kinds) => {
        const some = steps.filter(({ kind }) => kinds.includes(kind));
        return some.length > 1 && (
          <ol key={kinds[0]} className={styles['strip']} aria-label="Steps">
            {some.map((step) => <li key={step.kind}><a href={`#${step.kind}`}>{countText(step)}</a></li>)}
          </ol>
        );
      })}
      {graph.truncated && <p role="note">This is a part: more than {limit} things hang together here.</p>}
      {steps.map((step) => <Step key={step.kind} step={step} root={graph.root} sources={sources} uses={uses} direction={graph.direction} />)}
    </>
  );
}

/** How data pass, and how the model came about that they pass through. */
const chains: readonly (readonly LineageKind[])[] = [['message', 'resource', 'fact', 'feature', 'prediction', 'alert', 'action'], ['snapshot', 'run', 'model']];

type Neighbours = Map<string, LineageNode[]>;

function Step({ step, root, sources, uses, direction }: { step: LineageStep; root: string; sources: Neighbours; uses: Neighbours; direction: 'up' | 'down' }) {
  const [all, setAll] = useState(false);
  const rows = all ? step.nodes : step.nodes.slice(0, shownRows);
  return (
    <section id={step.kind} className="panel" style={{ overflowX: 'auto' }}>
      <h2>{countText(step)}</h2>
      <table className="data-table">
        <thead><tr><th scope="col">What</th><th scope="col">When</th><th scope="col">Made from</th><th scope="col">Used in</th></tr></thead>
        <tbody>
          {rows.map((node) => (
            <tr key={node.id} aria-current={node.id === root ? 'true' : undefined}>
              <th scope="row"><Link to="/lineage" search={{ node: node.id, direction }}>{node.label}</Link>{node.state === 'present' ? '' : ` (${node.state})`}{node.id === root ? ' — asked about' : ''}</th>
              <td>{node.at === null ? '' : dateTimeText(node.at)}</td>
              <td><Names nodes={sources.get(node.id) ?? []} direction={direction} /></td>
              <td><Names nodes={uses.get(node.id) ?? []} direction={direction} /></td>
            </tr>
          ))}
        </tbody>
      </table>
      {step.nodes.length > rows.length && <Button mt="xs" size="xs" variant="default" onClick={() => setAll(true)}>All {step.nodes.length}</Button>}
    </section>
  );
}

function Names({ nodes, direction }: { nodes: readonly LineageNode[]; direction: 'up' | 'down' }) {
  const [first, more] = [nodes.slice(0, shownNeighbours), nodes.length - shownNeighbours];
  return (
    <>
      {first.map((node, index) => <span key={node.id}>{index > 0 ? '; ' : ''}<Link to="/lineage" search={{ node: node.id, direction }}>{node.label}</Link></span>)}
      {more > 0 && <span className="quiet"> and {more} more</span>}
    </>
  );
}
