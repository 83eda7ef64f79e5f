import type { smartRoutes } from '@primum/contract';
import type { HandlerDeps } from '../handler-deps.ts';
import type { Handler } from '../serve-api.ts';

export function smartOperations(_deps: HandlerDeps): Record<keyof typeof smartRoutes, Handler> {
  return {};
}
