import { isIPv4 } from 'node:net';

/** Whether a host's name or address can only mean this machine, without asking a resolver: 127.0.0.0/8, ::1, localhost. */
export function isLoopbackHost(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  return bare === 'localhost' || bare === '::1' || bare === '::ffff:127.0.0.1' || (isIPv4(bare) && bare.startsWith('127.'));
}
