import { errorCatalogue, type ErrorCode } from '@primum/contract';

/**
 * The one error class. `detail` says where and what in technical terms and never holds a patient's value:
 * errors are logged, shown and sent to peers.
 */
export class PrimumError extends Error {
  readonly code: ErrorCode;
  readonly detail: string | undefined;

  constructor(code: ErrorCode, detail?: string, options?: { cause?: unknown }) {
    super(detail === undefined ? errorCatalogue[code].summary : `${errorCatalogue[code].summary}: ${detail}`, options);
    this.name = 'PrimumError';
    this.code = code;
    this.detail = detail;
  }

  /** What a person can do about it. */
  get action(): string {
    return errorCatalogue[this.code].action;
  }
}

/** Wraps a fault of the outside world under a code; a PrimumError passes as it is. */
export function asPrimumError(error: unknown, code: ErrorCode): PrimumError {
  return error instanceof PrimumError ? error : new PrimumError(code, undefined, { cause: error });
}

/** A bug, not the world: stops what is going on. */
export function assert(condition: unknown, what: string): asserts condition {
  if (!condition) throw new PrimumError('internal.bug', what);
}
