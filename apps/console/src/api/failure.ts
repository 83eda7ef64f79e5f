import type { ApiError } from '@primum/contract';

/** The one error that the console's pages know: the catalogue's code, what it means and what to do next. */
export class ApiFailure extends Error {
  readonly code: string;
  readonly action: string;
  /** HTTP status; 0 where the server did not answer. */
  readonly status: number;
  constructor(error: ApiError, status: number) {
    super(error.message);
    this.name = 'ApiFailure';
    this.code = error.code;
    this.action = error.action;
    this.status = status;
  }
}

export const unreachable = (): ApiFailure => new ApiFailure({
  code: 'console.unreachable',
  message: 'The server does not answer',
  action: 'Check the network; this page keeps trying. What it shows keeps its age.',
}, 0);

/** Reads the error that an answer carries; an answer that carries none of ours is named by its status. */
export async function failureOf(response: Response): Promise<ApiFailure> {
  const body: unknown = await response.json().catch(() => null);
  if (isApiError(body)) return new ApiFailure(body, response.status);
  const code = response.status === 401 ? 'auth.required' : 'console.answer-unreadable';
  return new ApiFailure({
    code,
    message: `The server answered ${response.status} without saying why`,
    action: 'Try again; if it stays, report the code and the time.',
  }, response.status);
}

/** Any thrown thing as words for a screen: a fault of the console itself says so, and never shows its own text. */
export function asFailure(error: unknown): ApiFailure {
  if (error instanceof ApiFailure) return error;
  return new ApiFailure({
    code: 'console.bug',
    message: 'The console made a mistake',
    action: 'Load the page again; if it stays, report the code and the time.',
  }, 0);
}

/** May not be seen (any more): what was shown before must not stay on screen. */
export function isRefusal(error: unknown): boolean {
  return error instanceof ApiFailure && error.status === 403;
}

function isApiError(body: unknown): body is ApiError {
  return typeof body === 'object' && body !== null
    && 'code' in body && typeof body.code === 'string'
    && 'message' in body && typeof body.message === 'string'
    && 'action' in body && typeof body.action === 'string';
}
