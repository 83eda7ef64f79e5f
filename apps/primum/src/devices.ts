import { connectBroker, knowsDevice, listenMqtt, startDevices, type BrokerOptions } from '@primum/ingest';
import type { ScannedListener, TlsFiles } from '@primum/trust';
import { tenant, type Core } from './core.ts';
import { writeDepsOf, type Fhir } from './fhir.ts';

/** How devices reach Primum over MQTT: a broker of its own, the hospital's, or neither. */
export type MqttSettings = { /** 0: any free port; absent: no listener. */ port?: number; listen?: string; broker?: BrokerOptions };

export type MqttDoors = {
  kick(): void;
  idle(): Promise<void>;
  mqttPort(): number | null;
  listeners: readonly ScannedListener[];
  close(): Promise<void>;
};

/** What was accepted is applied whether a door is open or not. */
export async function openDevices(core: Core, fhir: Fhir, settings: MqttSettings & { tls?: TlsFiles | undefined }, onApplied: () => void): Promise<MqttDoors> {
  const { db, keys, log } = core;
  const { port, listen = '127.0.0.1', broker, tls } = settings;
  await using stack = new AsyncDisposableStack();
  const devices = await startDevices({ ...writeDepsOf(core, fhir), objects: core.objects, log, onApplied }, { tenant });
  stack.defer(() => devices.close());
  const accept = devices.acceptor.accept;
  const listener = port === undefined ? undefined : await listenMqtt({ knows: (id, secret) => knowsDevice({ db, keys }, tenant, id, secret), accept, log }, { host: listen, port, ...(tls === undefined ? {} : { tls }) });
  if (listener !== undefined) stack.defer(() => listener.close());
  const client = broker === undefined ? undefined : await connectBroker({ accept, log }, broker);
  if (client !== undefined) stack.defer(() => client.close());
  const owned = stack.move();
  return {
    kick: () => devices.kick(), idle: () => devices.idle(), mqttPort: () => listener?.port ?? null,
    listeners: listener === undefined ? [] : [{ name: 'MQTT', host: listener.host, port: listener.port, protocol: 'mqtt', tls: tls !== undefined }],
    close: () => owned.disposeAsync(),
  };
}
