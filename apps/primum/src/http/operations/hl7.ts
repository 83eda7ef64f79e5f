import type { HandlerDeps } from '../handler-deps.ts';
import type { Handler } from '../serve-api.ts';

/** Listeners and senders of HL7 v2. */
export function hl7Operations(_deps: HandlerDeps): Record<never, Handler> {
  return {};
}
