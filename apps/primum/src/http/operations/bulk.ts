import type { HandlerDeps } from '../handler-deps.ts';
import type { Handler } from '../serve-api.ts';

/** FHIR Bulk Data, and attachments. */
export function bulkOperations(_deps: HandlerDeps): Record<never, Handler> {
  return {};
}
