import type { HandlerDeps } from '../handler-deps.ts';
import type { Handler } from '../serve-api.ts';

/** Devices, waveforms and tables. */
export function devicesOperations(_deps: HandlerDeps): Record<never, Handler> {
  return {};
}
