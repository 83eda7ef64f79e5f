import type { policyRoutes } from '@primum/contract';
import type { HandlerDeps } from '../handler-deps.ts';
import type { Handler } from '../serve-api.ts';

export function policyOperations(_deps: HandlerDeps): Record<keyof typeof policyRoutes, Handler> {
  return {};
}
