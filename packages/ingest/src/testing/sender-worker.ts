import { silentLog, systemClock } from '@primum/base';
import { openDb } from '@primum/store';
import { createAudit, openKeys } from '@primum/trust';
import { startSenders } from '../sending/start-senders.ts';

/** Senders in a process of their own, to be killed: DATABASE_URL KEY_DIRECTORY. */
const [url = '', directory = ''] = process.argv.slice(2);
const db = await openDb({ url });
const keys = await openKeys({ directory });
startSenders({ db, keys, audit: createAudit({ keys }), clock: systemClock, log: silentLog }, 1);
