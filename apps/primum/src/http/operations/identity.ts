import type { identityRoutes } from '@primum/contract';
import type { HandlerDeps } from '../handler-deps.ts';
import type { Handler } from '../serve-api.ts';

export function identityOperations(_deps: HandlerDeps): Record<keyof typeof identityRoutes, Handler> {
  return {};
}
