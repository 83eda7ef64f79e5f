import type { HandlerDeps } from '../handler-deps.ts';
import type { Handler } from '../serve-api.ts';

/** FHIR subscriptions and their deliveries. */
export function subscriptionsOperations(_deps: HandlerDeps): Record<never, Handler> {
  return {};
}
