import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/**
 * Where Primum keeps everything that outlives a process: PRIMUM_HOME; else, for root, /var/lib/primum (a home under
 * /root cannot be reached by the user that PostgreSQL runs as); else the XDG state directory of the user.
 */
export function primumHome(
  env: Readonly<Record<string, string | undefined>>,
  uid: number = process.getuid?.() ?? -1,
): string {
  const given = env['PRIMUM_HOME'];
  if (given !== undefined && given !== '') return resolve(given);
  if (uid === 0) return '/var/lib/primum';
  const state = env['XDG_STATE_HOME'];
  const base = state !== undefined && state.startsWith('/') ? state : join(env['HOME'] ?? homedir(), '.local', 'state');
  return join(base, 'primum');
}
