import { PrimumError } from '@primum/base';
import { createIssuer, issuerPath, type Issuer } from '@primum/trust';
import type { FastifyInstance } from 'fastify';
import { tenant, type Core } from '../../core.ts';

/** The issuer as it stands: made when the address is known, made anew when its keys were replaced. */
export type IssuerMount = {
  current(): Issuer;
  /** `origin`: where browsers reach us, without a slash at the end. */
  open(origin: string): Promise<void>;
};

export function createIssuerMount(core: Core): IssuerMount {
  let issuer: Issuer | undefined;
  return {
    current: () => {
      if (issuer === undefined) throw new PrimumError('internal.bug', 'the issuer was asked before the address was known');
      return issuer;
    },
    open: async (origin) => { issuer = await createIssuer(core, { tenant, origin }); },
  };
}

/** Hands everything beneath /oidc to the issuer, which reads bodies by itself: the scope has no parser of ours. */
export async function mountIssuer(app: FastifyInstance, mount: IssuerMount): Promise<void> {
  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
    scope.all(`${issuerPath}/*`, async (request, reply) => {
      reply.hijack();
      reply.raw.setHeader('content-security-policy', "default-src 'none'; frame-ancestors 'none'; base-uri 'none'");
      await mount.current().handle(request.raw, reply.raw);
    });
  });
}
