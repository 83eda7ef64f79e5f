import type { FastifyInstance } from 'fastify';

/** What a body of FHIR may be sent as besides application/json (FHIR R4, section 3.1.0.1.7 and 3.1.0.4). */
export function addFhirParsers(app: FastifyInstance): void {
  app.addContentTypeParser(['application/fhir+json', 'application/json-patch+json'], { parseAs: 'string' }, app.getDefaultJsonParser('error', 'error'));
  // A search by POST (section 3.1.1.1.2), which reads the parameters itself.
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => done(null, body));
}
