import { setTimeout as sleep } from 'node:timers/promises';
import { errorFields, isLoopbackHost, PrimumError, type Log } from '@primum/base';
import { connect, type IClientOptions, type MqttClient } from 'mqtt';
import type { DeviceMessageIn } from './device-acceptor.ts';

export type BrokerDeps = { accept(message: DeviceMessageIn): Promise<void>; log: Log };

export type BrokerOptions = {
  /** mqtt://, or beyond this machine mqtts:// */
  url: string;
  username?: string; password?: string; ca?: string;
  /** 5, or 4 for MQTT 3.1.1. */
  protocolVersion?: 4 | 5;
  /** Several Primums, or several connections of one, share what comes (MQTT 5, 4.8.2): `$share/GROUP/…`. */
  sharedGroup?: string;
  connections?: number;
  clientId?: string;
};

const topics = 'primum/v1/+/+';
const again = 1_000;

/**
 * Takes from a hospital's own broker what devices publish to `primum/v1/…`. PUBACK leaves after `accept` has resolved;
 * while storing fails it is tried again and nothing is acknowledged, so a broker with a session keeps it. Which device may
 * publish to which topic is that broker's to decide.
 * Errors: net.plaintext-refused; device.broker-unreachable where the first connection is not made.
 */
export async function connectBroker(deps: BrokerDeps, options: BrokerOptions): Promise<{ close(): Promise<void> }> {
  const { url, protocolVersion = 5, sharedGroup, connections = sharedGroup === undefined ? 1 : 2, clientId = 'primum' } = options;
  const { protocol, hostname } = new URL(url);
  if (protocol !== 'mqtts:' && !isLoopbackHost(hostname)) throw new PrimumError('net.plaintext-refused', `the MQTT broker at ${hostname}`);
  const stop = new AbortController();
  const clients: MqttClient[] = [];
  const close = async (): Promise<void> => {
    stop.abort();
    await Promise.all(clients.map((client) => client.endAsync(!client.connected)));
  };
  for (let n = 0; n < connections; n += 1) {
    const settings: IClientOptions = {
      protocolVersion, clientId: `${clientId}-${n}`, clean: false, reconnectPeriod: again, connectTimeout: 10_000, resubscribe: true,
      ...(options.username === undefined ? {} : { username: options.username }), ...(options.password === undefined ? {} : { password: options.password }), ...(options.ca === undefined ? {} : { ca: options.ca }),
      ...(protocolVersion === 5 ? { properties: { sessionExpiryInterval: 86_400, receiveMaximum: 64, maximumPacketSize: 256 * 1024 } } : {}),
    };
    const client = connect(url, settings);
    clients.push(client);
    // Called for each PUBLISH, one at a time; its acknowledgement leaves when this calls back. Set before the connection is
    // there: what the session kept comes with its first bytes, and would be acknowledged by nobody's hand.
    client.handleMessage = (packet, callback) => {
      void (async () => {
        const stored = await storeAtLast(deps, stop.signal, { topic: packet.topic, payload: Buffer.from(packet.payload), qos: packet.qos });
        callback(stored ? undefined : new Error('closing'));
      })();
    };
    client.on('error', (error) => deps.log.warn('mqtt.broker-error', errorFields(error)));
    if (!await connected(client)) {
      await close();
      throw new PrimumError('device.broker-unreachable', hostname);
    }
    await client.subscribeAsync(sharedGroup === undefined ? topics : `$share/${sharedGroup}/${topics}`, { qos: 1 });
  }
  return { close };
}

function connected(client: MqttClient): Promise<boolean> {
  return new Promise((resolve) => {
    client.once('connect', () => resolve(true));
    client.once('error', () => resolve(false));
    client.once('close', () => resolve(false));
  });
}

async function storeAtLast({ accept, log }: BrokerDeps, signal: AbortSignal, message: DeviceMessageIn): Promise<boolean> {
  while (!signal.aborted) {
    try {
      await accept(message);
      return true;
    } catch (error) {
      if (error instanceof PrimumError && error.code === 'device.topic-refused') return true; // no device's; it would come for ever
      log.warn('mqtt.not-stored', errorFields(error));
      await sleep(again, undefined, { signal }).catch(() => undefined);
    }
  }
  return false;
}
