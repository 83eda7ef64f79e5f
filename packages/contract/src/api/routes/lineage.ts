import { Type } from 'typebox';
import { OneOf, Text } from '../common.ts';
import { LineageGraph } from '../lineage.ts';
import type { Route } from '../route.ts';

const query = Type.Object({
  node: Text(200, 3),
  direction: Type.Optional(OneOf(['up', 'down'] as const)),
  limit: Type.Optional(Type.Integer({ minimum: 10, maximum: 5_000 })),
});

/** From message to action, as one graph. */
export const lineageRoutes = {
  lineage: { method: 'GET', path: '/api/lineage', needs: 'lineage.read', query, response: LineageGraph },
  /** The same as a FHIR Bundle of Provenance. */
  lineageProvenance: { method: 'GET', path: '/api/lineage/provenance', needs: 'lineage.read', query },
} as const satisfies Record<string, Route>;
