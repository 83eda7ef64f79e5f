import type { HandlerDeps } from '../handler-deps.ts';
import type { Handler } from '../serve-api.ts';

/** SQL on FHIR. */
export function viewsOperations(_deps: HandlerDeps): Record<never, Handler> {
  return {};
}
