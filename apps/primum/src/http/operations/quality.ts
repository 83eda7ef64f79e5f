import type { HandlerDeps } from '../handler-deps.ts';
import type { Handler } from '../serve-api.ts';

/** Data quality. */
export function qualityOperations(_deps: HandlerDeps): Record<never, Handler> {
  return {};
}
