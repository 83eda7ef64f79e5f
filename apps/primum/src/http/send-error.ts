import { errorFields, PrimumError, type Log } from '@primum/base';
import { errorCatalogue, type ApiError, type ErrorCode } from '@primum/contract';
import type { FastifyReply } from 'fastify';

export function apiError(code: ErrorCode, detail?: string): ApiError {
  const { summary, action } = errorCatalogue[code];
  return { code, message: detail === undefined ? summary : `${summary}: ${detail}`, action };
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
    void reply.code(errorCatalogue[error.code].http).send({ code: error.code, message: error.message, action: error.action });
    return error.code;
  }
  if (isValidation(error)) {
    // Ajv's text names the place and the rule, never the value.
    void reply.code(400).send(apiError('api.request-invalid', error.validation.map((one) => `${one.instancePath || 'request'} ${one.message ?? ''}`.trim()).join('; ')));
    return 'api.request-invalid';
  }
  if (error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number' && error.statusCode < 500) {
    void reply.code(error.statusCode).send(apiError('api.request-invalid'));
    return 'api.request-invalid';
  }
  log.error('request failed', errorFields(error));
  void reply.code(500).send(apiError('internal.bug'));
  return 'internal.bug';
}

function isValidation(error: unknown): error is Error & { validation: { instancePath?: string; message?: string }[] } {
  return error instanceof Error && 'validation' in error && Array.isArray(error.validation);
}
