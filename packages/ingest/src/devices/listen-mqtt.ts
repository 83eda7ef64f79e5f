import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { errorFields, PrimumError, type Log } from '@primum/base';
import { demandTls, readTlsFiles, watchTlsFiles, type TlsFiles } from '@primum/trust';
import { Aedes, type AuthenticateError, type Client } from 'aedes';
import type { DeviceMessageIn } from './device-acceptor.ts';
import { readTopic } from './device-topic.ts';
import { guardPackets } from './packet-guard.ts';

export type MqttDeps = {
  /** Whether these are a device's credentials: its id is the user name. */
  knows(deviceId: string, secret: string): Promise<boolean>;
  /** Resolves when the message is durable. */
  accept(message: DeviceMessageIn): Promise<void>;
  log: Log;
};

export type MqttOptions = { host: string; /** 0 takes a free one. */ port: number; tls?: TlsFiles; maxConnections?: number; maxPacketBytes?: number };

export type MqttListener = { readonly host: string; readonly port: number; readonly connections: number; close(): Promise<void> };

const unavailable = 3;
const badCredentials = 4;

/**
 * An MQTT 3.1.1 broker that only takes in: devices publish to their own topics, nobody subscribes, nothing is retained
 * and wills are not kept. With QoS 1 and 2 the acknowledgement leaves after `accept` has resolved: Aedes sends PUBACK and
 * PUBREC only once `authorizePublish` has called back, and that waits for the commit. Where storing fails the
 * connection is cut without an acknowledgement, so that the device sends again. Packets in flight of a connection are
 * what one read of its socket holds (64 KiB), or one of up to `maxPacketBytes`.
 * Errors: net.port-in-use, net.plaintext-refused beyond this machine without TLS, net.certificate-unusable.
 */
export async function listenMqtt(deps: MqttDeps, options: MqttOptions): Promise<MqttListener> {
  const { host, port, tls, maxConnections = 500, maxPacketBytes = 256 * 1024 } = options;
  const { log } = deps;
  demandTls('MQTT', host, tls);
  const deviceOf = new WeakMap<Client, string>();
  const broker = await Aedes.createBroker({
    connectTimeout: 10_000, maxTopicLevels: 8, maxClientsIdLength: 200, queueLimit: 16, maxInflightInbound: 64,
    preConnect: (_client, packet, callback) => {
      // A client id is a device's own: two devices with one id do not throw each other out.
      packet.clientId = `${packet.username ?? ''}/${packet.clientId}`.slice(0, 200);
      delete packet.will;
      callback(null, true);
    },
    authenticate: (client, username = '', password, done) => {
      void (async () => {
        const known = await deps.knows(username, password?.toString() ?? '').catch((error: unknown) => {
          log.warn('mqtt.refused', errorFields(error));
          return null;
        });
        if (known === true) {
          deviceOf.set(client, username);
          done(null, true);
          return;
        }
        if (known === false) log.warn('mqtt.refused', { code: 'device.unknown' });
        // Aedes' return codes are a const enum, which is not in its code.
        done(Object.assign(new Error('refused'), { returnCode: known === null ? unavailable : badCredentials }) as AuthenticateError, false);
      })();
    },
    authorizePublish: (client, packet, callback) => {
      packet.retain = false;
      const deviceId = client === null ? undefined : deviceOf.get(client);
      if (deviceId === undefined || readTopic(packet.topic)?.deviceId !== deviceId) {
        log.warn('mqtt.publish-refused', { code: 'device.topic-refused' });
        callback(new PrimumError('device.topic-refused'));
        return;
      }
      void (async () => {
        let failure: Error | null = null;
        try {
          await deps.accept({ topic: packet.topic, payload: Buffer.from(packet.payload), qos: packet.qos });
        } catch (error) {
          log.warn('mqtt.not-stored', errorFields(error));
          failure = error instanceof Error ? error : new Error('not stored');
        }
        callback(failure);
      })();
    },
    // Refused by answer (SUBACK 0x80), not by cutting the connection.
    authorizeSubscribe: (_client, _subscription, callback) => callback(null, null),
    authorizeForward: () => null,
  });
  broker.on('clientError', (_client, error) => log.debug('mqtt.client-error', errorFields(error)));
  broker.on('connectionError', (_client, error) => log.debug('mqtt.client-error', errorFields(error)));

  const open = new Set<Socket>();
  const serve = (socket: Socket): void => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    socket.setNoDelay(true);
    broker.handle(guardPackets(socket, maxPacketBytes, () => log.warn('mqtt.packet-oversize', { address: socket.remoteAddress ?? '', limit: maxPacketBytes })));
  };
  const secure = tls === undefined ? undefined : createTlsServer({ ...readTlsFiles(tls), handshakeTimeout: 10_000, requestCert: tls.clientCaFile !== undefined, rejectUnauthorized: tls.clientCaFile !== undefined }, serve);
  secure?.on('tlsClientError', (error, socket) => log.warn('mqtt.handshake-failed', { ...errorFields(error), address: socket.remoteAddress ?? '' }));
  const renewal = tls === undefined || secure === undefined ? undefined : watchTlsFiles(tls, (context) => secure.setSecureContext(context), { log });
  const server: Server = secure ?? createServer(serve);
  server.maxConnections = maxConnections;
  server.on('drop', (data) => log.warn('mqtt.connection-refused', { address: data?.remoteAddress ?? '', limit: maxConnections }));
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    broker.close();
    renewal?.close();
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') throw new PrimumError('net.port-in-use', `MQTT ${port}`);
    throw new PrimumError('config.invalid', 'the MQTT listener\'s address', { cause: error });
  }
  return {
    host, port: (server.address() as AddressInfo).port, // a server on a host and port has one
    get connections() { return open.size; },
    close: async () => {
      renewal?.close();
      server.close();
      await new Promise<void>((resolve) => { broker.close(() => resolve()); });
      for (const socket of open) socket.destroy();
    },
  };
}
