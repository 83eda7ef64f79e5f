import { emptyMessages, findLooseMessages } from '@primum/ingest';
import { writeOutbox } from '@primum/store';
import { mintSystemPrincipal, removePersonalData } from '@primum/trust';
import { tenant, type Core } from '../core.ts';
import { rememberErased } from './execute-erasure.ts';

const pageSize = 1_000;

/**
 * What survives the restoring of a backup: a destroyed key leaves a tombstone in the key store, which is not part of the
 * database's backups. Every patient whose key is a tombstone is removed from the database again, with the messages that
 * name them by a token. `openStays`: only those whose stay goes on, for before the ward's list is shown. Content was unreadable in any case; this removes the coded rows too. Gives how many went.
 */
export async function applyTombstones(core: Core, { openStays = false }: { openStays?: boolean } = {}): Promise<number> {
  let removed = 0;
  for (let after = '00000000-0000-0000-0000-000000000000'; ;) {
    const page = (await core.db.query<{ id: string }>(
      `select id from patient p where tenant = $1 and id > $2 and (not $4 or exists (select from stay s where s.tenant = p.tenant and s.patient_id = p.id and s.status = 'in-progress'))
       order by id limit $3`, [tenant, after, pageSize, openStays])).map(({ id }) => id);
    const gone = await core.keys.destroyed(tenant, page);
    if (gone.length > 0) await removeAgain(core, gone);
    removed += gone.length;
    const last = page.at(-1);
    if (last === undefined || page.length < pageSize) return removed;
    after = last;
  }
}

async function removeAgain(core: Core, patientIds: readonly string[]): Promise<void> {
  const { db, keys, clock, audit } = core;
  await db.transaction(async (tx) => {
    const tokens = await tx.query<{ token: string }>('select encode(token, \'hex\') as token from patient_identifier where tenant = $1 and patient_id = any($2::uuid[])', [tenant, patientIds]);
    const loose = await findLooseMessages({ db: tx, keys, now: () => clock.now().getTime() }, tenant, { tokens: new Set(tokens.map(({ token }) => token)), texts: [] });
    await rememberErased(tx, patientIds, null, clock.now());
    // A record that was merged into one that is gone stands by itself again.
    await tx.query('update patient set root_id = id where tenant = $1 and root_id = any($2::uuid[]) and id <> all($2)', [tenant, patientIds]);
    await removePersonalData(core.personalData, tx, tenant, patientIds);
    await emptyMessages(tx, tenant, loose.ids);
    await audit.write(tx, [{ tenant, principal: mintSystemPrincipal('trust'), purpose: 'PATRQT', action: 'erasure.repeated', outcome: 'success', at: clock.now(), patientIds }]);
    await writeOutbox(tx, [{ tenant, topic: 'patient.erased', payload: { patientIds: [...patientIds] } }]);
  });
  for (const forget of core.onErased) forget(patientIds);
}
