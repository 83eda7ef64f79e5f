import type { Manifest } from '@primum/registry';
import { version } from '../version.ts';

/** An OpenLineage 2.0.2 RunEvent (openlineage.io/spec/2-0-2/OpenLineage.json). Names are ids, digests and versions. */
export type RunEvent = {
  eventType: 'START' | 'RUNNING' | 'COMPLETE' | 'ABORT' | 'FAIL' | 'OTHER';
  eventTime: string;
  producer: string;
  schemaURL: string;
  run: { runId: string };
  job: { namespace: string; name: string };
  inputs: Dataset[];
  outputs: (Dataset & { outputFacets?: Record<string, object> })[];
};
type Dataset = { namespace: string; name: string; facets?: Record<string, object> };

const producer = `https://github.com/primum-health/primum/tree/v${version}`;
const schemaURL = 'https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent';
const facet = (name: string, version_: string, fields: object): object => ({ _producer: producer, _schemaURL: `https://openlineage.io/spec/facets/${version_}/${name}.json#/$defs/${name}`, ...fields });

function event(eventType: RunEvent['eventType'], at: Date, runId: string, job: string, datasets: Pick<RunEvent, 'inputs' | 'outputs'>): RunEvent {
  return { eventType, eventTime: at.toISOString(), producer, schemaURL, run: { runId }, job: { namespace: 'primum', name: job }, ...datasets };
}

const versioned = (name: string, digest: string): Dataset => ({
  namespace: 'primum', name, facets: { version: facet('DatasetVersionDatasetFacet', '1-0-1', { datasetVersion: digest }) },
});

/** A training run, when it is over: from its data to the package that it wrote. */
export function trainingEvents(runId: string, startedAt: Date, endedAt: Date, manifest: Manifest): RunEvent[] {
  const data = versioned(`training-data/${manifest.id}`, manifest.digests.trainingData);
  const job = `train.${manifest.id}`;
  const statistics = facet('OutputStatisticsOutputDatasetFacet', '1-0-2', { rowCount: manifest.training.rows });
  return [
    event('START', startedAt, runId, job, { inputs: [data], outputs: [] }),
    event('COMPLETE', endedAt, runId, job, { inputs: [data], outputs: [{ ...versioned(`model/${manifest.id}/${manifest.version}`, manifest.files['trees.json'].sha256), outputFacets: { outputStatistics: statistics } }] }),
  ];
}

/**
 * Scoring as a run of its own, from start to stop; `made` predictions so far. An event a score would be thousands an hour
 * and say nothing that the graph doesn't: it goes out once an hour and at the end.
 */
export function scoringEvent(eventType: 'START' | 'RUNNING' | 'COMPLETE', at: Date, runId: string, model: { digest: string; manifest: Manifest }, made: number): RunEvent {
  const { manifest, digest } = model;
  const statistics = facet('OutputStatisticsOutputDatasetFacet', '1-0-2', { rowCount: made });
  return event(eventType, at, runId, `score.${manifest.id}`, {
    inputs: [versioned(`model/${manifest.id}/${manifest.version}`, digest), { namespace: 'primum', name: 'fact' }],
    outputs: [{ namespace: 'primum', name: 'prediction', outputFacets: { outputStatistics: statistics } }],
  });
}
