import { Type } from 'typebox';
import type { Route } from '../route.ts';

const view = Type.Object({ id: Type.String({ pattern: '^[A-Za-z0-9.-]{1,64}$' }) });

/** SQL on FHIR. */
export const viewsRoutes = {
  /** Rows of a stored ViewDefinition as NDJSON, CSV or Parquet (`_format`). */
  runView: { method: 'GET', path: '/api/fhir/ViewDefinition/:id/$run', needs: 'patient.read', params: view },
  /** Rows of a ViewDefinition that comes along. */
  runSentView: { method: 'POST', path: '/api/fhir/ViewDefinition/$run', needs: 'patient.read' },
  /** Keeps its rows up to date from now on. */
  keepView: { method: 'POST', path: '/api/fhir/ViewDefinition/:id/$keep', needs: 'record.define', params: view },
  releaseView: { method: 'POST', path: '/api/fhir/ViewDefinition/:id/$release', needs: 'record.define', params: view },
} as const satisfies Record<string, Route>;
