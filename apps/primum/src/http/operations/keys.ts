import type { keyRoutes } from '@primum/contract';
import type { HandlerDeps } from '../handler-deps.ts';
import type { Handler } from '../serve-api.ts';

export function keyOperations(_deps: HandlerDeps): Record<keyof typeof keyRoutes, Handler> {
  return {};
}
