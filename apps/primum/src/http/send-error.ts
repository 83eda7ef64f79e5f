import { errorFields, PrimumError, type Log } from '@primum/base';
import { errorCatalogue, type ApiError, type ErrorCode } from '@primum/contract';
import type { FastifyReply } from 'fastify';
import { outcome, outcomeOf } from './fhir/outcome.ts';
import { isFhir } from './resolve-caller.ts';

export function apiError(code: ErrorCode, detail?: string): ApiError {
  const { summary, action } = errorCatalogue[code];
  return { code, message: detail === undefined ? summary : `${summary}: ${detail}`, action };
}

/** On FHIR's addresses an error is an OperationOutcome, elsewhere ours. */
const inFhir = ({ request }: FastifyReply): boolean => isFhir(request);

function say(reply: FastifyReply, code: ErrorCode, detail?: string, status: number = errorCatalogue[code].http): void {
  const error = apiError(code, detail);
  if (inFhir(reply)) void reply.code(status).type('application/fhir+json; charset=utf-8').send(outcome(code, error.message));
  else void reply.code(status).send(error);
}

/** The API's one translation of errors; what is not ours becomes `internal.bug` and only its code and place are logged. Gives the code that it sent. */
export function sendError(log: Log, reply: FastifyReply, error: unknown): ErrorCode {
  if (error instanceof PrimumError) {
    // RFC 6750, section 3.
    if (error.code === 'auth.token-invalid') void reply.header('www-authenticate', 'Bearer realm="primum", error="invalid_token"');
    else if (error.code === 'auth.scope-insufficient') void reply.header('www-authenticate', 'Bearer realm="primum", error="insufficient_scope"');
    else if (error.code === 'auth.required') void reply.header('www-authenticate', 'Bearer realm="primum"');
    else if (error.code === 'api.too-many') void reply.header('retry-after', '1');
    if (errorCatalogue[error.code].http >= 500) log.error('request failed', errorFields(error));
    void reply.code(errorCatalogue[error.code].http);
    if (inFhir(reply)) void reply.type('application/fhir+json; charset=utf-8').send(outcomeOf(error));
    else void reply.send({ code: error.code, message: error.message, action: error.action });
    return error.code;
  }
  if (isValidation(error)) {
    // Ajv's text names the place and the rule, never the value.
    say(reply, 'api.request-invalid', error.validation.map((one) => `${one.instancePath || 'request'} ${one.message ?? ''}`.trim()).join('; '));
    return 'api.request-invalid';
  }
  if (error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number' && error.statusCode < 500) {
    say(reply, 'api.request-invalid', undefined, error.statusCode);
    return 'api.request-invalid';
  }
  log.error('request failed', errorFields(error));
  say(reply, 'internal.bug');
  return 'internal.bug';
}

function isValidation(error: unknown): error is Error & { validation: { instancePath?: string; message?: string }[] } {
  return error instanceof Error && 'validation' in error && Array.isArray(error.validation);
}
