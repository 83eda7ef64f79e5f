import type { lineageRoutes } from '@primum/contract';
import type { HandlerDeps } from '../handler-deps.ts';
import type { Handler } from '../serve-api.ts';

export function lineageOperations(_deps: HandlerDeps): Record<keyof typeof lineageRoutes, Handler> {
  return {};
}
