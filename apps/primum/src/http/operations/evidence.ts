import type { evidenceRoutes } from '@primum/contract';
import type { HandlerDeps } from '../handler-deps.ts';
import type { Handler } from '../serve-api.ts';

export function evidenceOperations(_deps: HandlerDeps): Record<keyof typeof evidenceRoutes, Handler> {
  return {};
}
