import { PrimumError } from '@primum/base';
import { parseFhir, repeatsName } from '@primum/record';
import type { FastifyInstance } from 'fastify';

/** A name that would reach an object's prototype, perhaps written with escapes. */
const suspicious = /__proto__|constructor|\\u00[5-7]/;

/** What a body of FHIR may be sent as besides application/json (FHIR R4, section 3.1.0.1.7 and 3.1.0.4). */
export function addFhirParsers(app: FastifyInstance): void {
  const plain = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser(['application/fhir+json', 'application/json-patch+json'], { parseAs: 'string' }, (request, body: string, done) => {
    if (body === '' || suspicious.test(body)) {
      plain(request, body, done);
      return;
    }
    try {
      const parsed = parseFhir(body);
      if (repeatsName(body, parsed)) done(new PrimumError('fhir.invalid', 'a name stands twice in one object'));
      else done(null, parsed);
    } catch (error) {
      done(Object.assign(error as Error, { statusCode: 400 })); // JSON.parse throws errors
    }
  });
  // A search by POST (section 3.1.1.1.2), which reads the parameters itself.
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  app.removeContentTypeParser('text/plain');
  // A Binary comes in whatever type it is of, and as it comes; nothing else does.
  app.addContentTypeParser('*', (request, payload, done) => {
    if (request.routeOptions.url?.startsWith('/api/fhir/Binary') === true) done(null, payload);
    else done(Object.assign(new Error('a type of content that is not taken here'), { statusCode: 415 }));
  });
}
