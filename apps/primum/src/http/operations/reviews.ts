import type { reviewRoutes } from '@primum/contract';
import type { HandlerDeps } from '../handler-deps.ts';
import type { Handler } from '../serve-api.ts';

export function reviewOperations(_deps: HandlerDeps): Record<keyof typeof reviewRoutes, Handler> {
  return {};
}
