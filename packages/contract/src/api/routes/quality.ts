// Rules of data quality and their findings.
import { QualityPage } from '../quality.ts';
import type { Route } from '../route.ts';

/** Data quality. */
export const qualityRoutes = {
  quality: { method: 'GET', path: '/api/quality', needs: 'feed.read', response: QualityPage },
} as const satisfies Record<string, Route>;
