import type { HandlerDeps } from '../handler-deps.ts';
import type { Handler } from '../serve-api.ts';

/** Validation and terminology operations of FHIR. */
export function terminologyOperations(_deps: HandlerDeps): Record<never, Handler> {
  return {};
}
