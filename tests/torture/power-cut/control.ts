/**
 * The control of the power-cut torture in a process of its own: `control.ts HOME`. PostgreSQL with fsync off, keys,
 * acceptor, applier and the MLLP listener, all on HOME. Prints one line, {"port", "url"}, once it listens.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLog, systemClock } from '@primum/base';
import { createAcceptor, createApplier, createBacklog, createSourceDirectory, listenMllp, loadMappings, registerSource } from '@primum/ingest';
import { parseCodeTable } from '@primum/record';
import { createObjects, migrate, openDb, startPostgres } from '@primum/store';
import { createAudit, openKeys } from '@primum/trust';
import { powerCutSource } from './sender.ts';

const { tenant } = powerCutSource;
const [home = ''] = process.argv.slice(2);
// After the cut every write fails, as intended: the log would say so thousands of times.
const log = createLog(() => undefined, 'error');

const postgres = await startPostgres({ home, log, unsafe: { fsync: 'off' } });
const db = await openDb({ url: postgres.connection.url, acceptUnsafe: true });
await migrate(db);
const keys = await openKeys({ directory: join(home, 'keys'), tenants: [tenant] });
const codes = parseCodeTable(JSON.parse(readFileSync(new URL('../../../packs/sepsis/codes.json', import.meta.url), 'utf8')));
await registerSource(db, powerCutSource);
const shared = { db, keys, objects: createObjects(join(home, 'objects')), clock: systemClock, log, sources: createSourceDirectory({ db, now: Date.now }, tenant) };
const backlog = createBacklog({ db }, tenant, 50_000);
const applier = createApplier({ ...shared, audit: createAudit({ keys }), codes, mappings: await loadMappings(codes), backlog, onCommitted: () => undefined }, { tenant });
const acceptor = createAcceptor({ ...shared, backlog, onCommitted: () => applier.kick() }, { tenant });
const listener = await listenMllp({ accept: acceptor.accept, saturated: acceptor.saturated, log }, { host: '127.0.0.1', port: 0 });
applier.kick();
console.log(JSON.stringify({ port: listener.port, url: postgres.connection.url }));
