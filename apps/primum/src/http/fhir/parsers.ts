import type { FastifyInstance } from 'fastify';

/** What a body of FHIR may be sent as besides application/json (FHIR R4, section 3.1.0.1.7 and 3.1.0.4). */
export function addFhirParsers(app: FastifyInstance): void {
  app.addContentTypeParser(['application/fhir+json', 'application/json-patch+json'], { parseAs: 'string' }, app.getDefaultJsonParser('error', 'error'));
}
