import type { LineageGraph, LineageNode } from '@primum/contract';
import type { Bundle, Provenance, ProvenanceEntity, Reference } from '@medplum/fhirtypes';

/**
 * A graph as FHIR R4 Provenance, one for each thing that was made of something: `target` is what was made, `entity` what
 * it was made of (role `source`; `derivation` where a score or an alert was computed).
 */
export function toProvenance(graph: LineageGraph, recordedAt: Date): Bundle<Provenance> {
  const nodes = new Map(graph.nodes.map((node) => [node.id, node]));
  const sourcesOf = Map.groupBy(graph.edges, ({ to }) => to);
  return {
    resourceType: 'Bundle',
    type: 'collection',
    timestamp: recordedAt.toISOString(),
    entry: [...sourcesOf].map(([to, edges]) => ({ resource: provenance(nodes.get(to)!, edges.map(({ from }) => nodes.get(from)!), recordedAt) })), // edges join nodes of the graph
  };
}

function provenance(target: LineageNode, sources: readonly LineageNode[], recordedAt: Date): Provenance {
  return {
    resourceType: 'Provenance',
    target: [referenceTo(target)],
    ...(target.at === null ? {} : { occurredDateTime: target.at }),
    recorded: recordedAt.toISOString(),
    agent: [{ type: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/provenance-participant-type', code: 'assembler' }] }, who: { display: 'primum' } }],
    entity: sources.map((source): ProvenanceEntity => ({ role: source.kind === 'message' || source.kind === 'resource' ? 'source' : 'derivation', what: referenceTo(source) })),
  };
}

/** A version of a resource is one of ours; everything else is named by its identifier. */
function referenceTo({ id, kind, label }: LineageNode): Reference {
  const name = id.slice(kind.length + 1);
  if (kind !== 'resource') return { identifier: { system: `urn:primum:${kind}`, value: name }, display: label };
  const [type, resourceId, version] = name.split('/');
  return { reference: `${type}/${resourceId}/_history/${version}` };
}
