import { silentLog, systemClock } from '@primum/base';
import { openDb } from '@primum/store';
import { openKeys } from '@primum/trust';
import { createDeviceAcceptor } from '../devices/device-acceptor.ts';
import { knowsDevice } from '../devices/device-registry.ts';
import { listenMqtt } from '../devices/listen-mqtt.ts';

/** A listener in a process of its own, to be killed: DATABASE_URL KEY_DIRECTORY. Sends its port. */
const [url = '', directory = ''] = process.argv.slice(2);
const db = await openDb({ url });
const keys = await openKeys({ directory });
const acceptor = createDeviceAcceptor({ db, keys, clock: systemClock, onStored: () => undefined }, { tenant: 1 });
const listener = await listenMqtt({ knows: (id, secret) => knowsDevice({ db, keys }, 1, id, secret), accept: acceptor.accept, log: silentLog }, { host: '127.0.0.1', port: 0 });
process.send?.(listener.port);
