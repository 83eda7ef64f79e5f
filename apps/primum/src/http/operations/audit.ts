import type { auditRoutes } from '@primum/contract';
import type { HandlerDeps } from '../handler-deps.ts';
import type { Handler } from '../serve-api.ts';

export function auditOperations(_deps: HandlerDeps): Record<keyof typeof auditRoutes, Handler> {
  return {};
}
