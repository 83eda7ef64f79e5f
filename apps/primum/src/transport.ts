import type { parseArgs } from 'node:util';
import { PrimumError } from '@primum/base';
import type { TlsFiles } from '@primum/trust';

/** Where the listeners listen, under which names they are asked for, and the certificate that they show. */
export type Transport = { listen: string; mllpListen: string; hosts: readonly string[]; tls?: TlsFiles };

export const loopback: Transport = { listen: '127.0.0.1', mllpListen: '127.0.0.1', hosts: [] };

export const transportOptions = {
  listen: { type: 'string' }, 'mllp-listen': { type: 'string' }, host: { type: 'string', multiple: true },
  'tls-cert': { type: 'string' }, 'tls-key': { type: 'string' }, 'tls-client-ca': { type: 'string' },
} as const satisfies NonNullable<Parameters<typeof parseArgs>[0]>['options'];

type Values = Partial<Record<'listen' | 'mllp-listen' | 'tls-cert' | 'tls-key' | 'tls-client-ca', string>> & { host?: string[] | undefined };

/** The options of `primum up` that say how it is reached; on this machine only where none is given. */
export function transportOf(values: Values): Transport {
  const { listen = '127.0.0.1', host: hosts = [], 'tls-cert': certFile, 'tls-key': keyFile, 'tls-client-ca': clientCaFile } = values;
  if ((certFile === undefined) !== (keyFile === undefined)) throw new PrimumError('config.usage', '--tls-cert and --tls-key go together');
  if (clientCaFile !== undefined && certFile === undefined) throw new PrimumError('config.usage', '--tls-client-ca needs --tls-cert and --tls-key');
  const bad = hosts.find((name) => !/^[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?$/.test(name));
  if (bad !== undefined) throw new PrimumError('config.usage', '--host takes the name by which browsers ask for Primum, without a port');
  return {
    listen, mllpListen: values['mllp-listen'] ?? listen, hosts: hosts.map((name) => name.toLowerCase()),
    ...(certFile === undefined || keyFile === undefined ? {} : { tls: { certFile, keyFile, ...(clientCaFile === undefined ? {} : { clientCaFile }) } }),
  };
}
