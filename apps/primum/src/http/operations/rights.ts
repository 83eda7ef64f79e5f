import type { rightsRoutes } from '@primum/contract';
import type { HandlerDeps } from '../handler-deps.ts';
import type { Handler } from '../serve-api.ts';

export function rightsOperations(_deps: HandlerDeps): Record<keyof typeof rightsRoutes, Handler> {
  return {};
}
