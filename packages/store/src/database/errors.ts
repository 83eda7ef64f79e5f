import { PrimumError } from '@primum/base';
import type { ErrorCode } from '@primum/contract';

/** SQLSTATE (PostgreSQL manual, appendix A) or errno of Node → what it means to us. */
const codeBySqlState: Readonly<Record<string, ErrorCode>> = {
  '53100': 'store.disk-full',
  ENOSPC: 'store.disk-full',
  '40001': 'store.conflict',
  '40P01': 'store.conflict',
  '55P03': 'store.timeout',
  '57014': 'store.timeout',
  '25P03': 'store.timeout',
  '53300': 'store.unreachable',
  '57P01': 'store.unreachable',
  '57P02': 'store.unreachable',
  '57P03': 'store.unreachable',
};

/** Whatever else the operating system says of a socket (ECONNRESET, EHOSTUNREACH, …) or the resolver of a name; no SQLSTATE looks so. */
const isErrno = (state: string): boolean => /^E(?!RR_)[A-Z_]{3,}$/.test(state);

/** What pg says without a code when a connection ends under a statement. */
const connectionEnded = /Connection terminated|not queryable|timeout exceeded when trying to connect|Query read timeout/;

/**
 * An error of pg as one of ours. PostgreSQL's own text can quote a value ("Key (name)=(…) already exists"), so
 * neither it nor the original error is kept: only the SQLSTATE and the names of table, column and constraint.
 */
export function databaseError(error: unknown): PrimumError {
  if (error instanceof PrimumError) return error;
  const state = sqlStateOf(error);
  if (state === undefined) {
    if (error instanceof Error && connectionEnded.test(error.message)) return new PrimumError('store.unreachable', 'the connection ended');
    return new PrimumError('internal.bug', `database client: ${error instanceof Error ? error.name : typeof error}`, { cause: error });
  }
  const code = codeBySqlState[state] ?? (state.startsWith('08') || isErrno(state) ? 'store.unreachable' : 'internal.bug');
  const where = ['table', 'column', 'constraint'].flatMap((name) => {
    const value = error instanceof Error ? Object.getOwnPropertyDescriptor(error, name)?.value : undefined;
    return typeof value === 'string' ? [`${name} ${value}`] : [];
  });
  return new PrimumError(code, [`SQLSTATE ${state}`, ...where].join(' '), { cause: { code: state } });
}

/** The SQLSTATE behind an error that a query threw, for the few callers that expect one (23505 and the like). */
export function sqlState(error: unknown): string | undefined {
  return error instanceof PrimumError ? sqlStateOf(error.cause) : sqlStateOf(error);
}

function sqlStateOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
