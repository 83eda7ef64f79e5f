import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { PrimumError } from '@primum/base';
import { acceptBatches, createSourceDirectory, listenMllp, type Acceptor, type MllpListener } from '@primum/ingest';
import type { TlsFiles } from '@primum/trust';
import { tenant, type Core } from './core.ts';

/** One more MLLP listener, as `listeners.json` in the home has it. `source`: whose messages all on it are, whatever MSH-3 and MSH-4 say. */
export type ListenerSettings = {
  name: string;
  host: string;
  port: number;
  tls?: TlsFiles;
  source?: { application: string; facility: string };
  maxConnections?: number;
  /** Seconds of silence within a frame after which the connection is closed. */
  frameSeconds?: number;
};

const file = 'listeners.json';
const most = 32;
const invalid = (at: string): PrimumError => new PrimumError('config.invalid', `${file}: ${at}`);
const known = new Set(['name', 'host', 'port', 'certificate', 'key', 'clientCa', 'source', 'maxConnections', 'frameSeconds']);

/** None where the file is not there; paths in it start at the home. Throws config.invalid with the place. */
export function readListeners(home: string): ListenerSettings[] {
  const path = join(home, file);
  if (!existsSync(path)) return [];
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    throw invalid('no JSON');
  }
  if (!Array.isArray(json) || json.length > most) throw invalid(`a list of at most ${most} listeners is expected`);
  const listeners = json.map((one: unknown, n) => listenerOf(one, n, home));
  const twice = listeners.find(({ name }, n) => listeners.findIndex((other) => other.name === name) !== n);
  if (twice !== undefined) throw invalid(`two listeners are named ${twice.name}`);
  return listeners;
}

function listenerOf(json: unknown, n: number, home: string): ListenerSettings {
  if (typeof json !== 'object' || json === null) throw invalid(`[${n}]`);
  const settings = json as Record<string, unknown>; // an object of JSON
  const unknown = Object.keys(settings).find((name) => !known.has(name));
  if (unknown !== undefined) throw invalid(`[${n}].${unknown} is not known`);
  const text = (name: string): string | undefined => {
    const value = settings[name];
    if (value !== undefined && (typeof value !== 'string' || value === '' || value.length > 500)) throw invalid(`[${n}].${name}`);
    return value;
  };
  const whole = (name: string, from: number, to: number): number | undefined => {
    const value = settings[name];
    if (value !== undefined && (typeof value !== 'number' || !Number.isInteger(value) || value < from || value > to)) throw invalid(`[${n}].${name} is a whole number from ${from} to ${to}`);
    return value;
  };
  const [name, port, certificate, key, clientCa] = [text('name'), whole('port', 0, 65_535), text('certificate'), text('key'), text('clientCa')];
  if (name === undefined || port === undefined) throw invalid(`[${n}] needs a name and a port`);
  if ((certificate === undefined) !== (key === undefined) || (clientCa !== undefined && key === undefined)) throw invalid(`[${n}] needs certificate and key together, and both for clientCa`);
  const source = text('source')?.split('|');
  if (source !== undefined && source.length !== 2) throw invalid(`[${n}].source is APPLICATION|FACILITY`);
  const [maxConnections, frameSeconds] = [whole('maxConnections', 1, 10_000), whole('frameSeconds', 1, 3_600)];
  return {
    name, port, host: text('host') ?? '127.0.0.1',
    ...(certificate === undefined || key === undefined ? {} : { tls: { certFile: resolve(home, certificate), keyFile: resolve(home, key), ...(clientCa === undefined ? {} : { clientCaFile: resolve(home, clientCa) }) } }),
    ...(source === undefined ? {} : { source: { application: source[0]!, facility: source[1]! } }), // two, see above
    ...(maxConnections === undefined ? {} : { maxConnections }), ...(frameSeconds === undefined ? {} : { frameSeconds }),
  };
}

/** Opens one of them. A source that is not registered is refused at the start, so that no message waits for it unseen. */
export async function openListener({ db, clock, log }: Pick<Core, 'db' | 'clock' | 'log'>, acceptor: Acceptor, settings: ListenerSettings, maxFrameBytes: number): Promise<MllpListener> {
  const { name, host, port, tls, maxConnections, frameSeconds } = settings;
  const source = settings.source === undefined ? undefined
    : await createSourceDirectory({ db, now: () => clock.now().getTime() }, tenant).find(settings.source.application, settings.source.facility);
  if (settings.source !== undefined && source === undefined) throw invalid(`the source of ${name} is not registered: start without it and run primum source add`);
  return listenMllp({
    accept: acceptBatches((frame, connection) => acceptor.accept(frame, source === undefined ? connection : { ...connection, source })),
    saturated: () => acceptor.saturated(), log,
  }, {
    host, port, maxFrameBytes,
    ...(tls === undefined ? {} : { tls }), ...(maxConnections === undefined ? {} : { maxConnections }), ...(frameSeconds === undefined ? {} : { frameTimeoutMs: frameSeconds * 1_000 }),
  });
}
