import type { Sql } from '@primum/store';
import type { Keys } from '@primum/trust';
import { messageAad } from '../accept/acceptor.ts';
import { interpretFrame } from '../accept/interpret-frame.ts';
import { identityTokens, laneCount, laneOf } from '../reading/tokens.ts';
import type { MessageReading } from '../reading/message-reading.ts';
import { createSourceDirectory } from '../sources/source-directory.ts';

export type LooseMessages = {
  /** Ids of messages that name the person. */
  ids: string[];
  /** How many could not be read as a message, hence were searched for the identifiers' text only. */
  searchedAsText: number;
};

type Row = { id: string; sealed: Buffer; source_id: number | null };

const pageSize = 200;
/** A shorter text would be found by chance. */
const minTextLength = 4;
const selectPage = `
select id, sealed, source_id from message
where tenant = $1 and id > $2 and sealed is not null and get_byte(sealed, 1) <> 1
  and (status <> 'applied' or lane = any($3::smallint[]) or other_lane = any($3::smallint[]))
order by id limit $4`;

/**
 * Messages of a person that no row of the record leads to: waiting, in quarantine, discarded, or applied without effect.
 * They are sealed under a key that is not the person's, so each is opened and read: one whose PID or MRG names the
 * person by a token is the person's; one that cannot be read is, where it holds an identifier as text (`texts`; empty
 * where they are known no more).
 */
export async function findLooseMessages(deps: { db: Sql; keys: Keys; now(): number }, tenant: number, person: { tokens: ReadonlySet<string>; texts: readonly string[] }): Promise<LooseMessages> {
  const { db, keys } = deps;
  const sources = createSourceDirectory({ db, now: deps.now }, tenant);
  const lanes = [...new Set(Array.from(person.tokens, laneOf))].filter((lane) => lane < laneCount);
  const texts = person.texts.filter(({ length }) => length >= minTextLength).map((text) => Buffer.from(text));
  const found: LooseMessages = { ids: [], searchedAsText: 0 };
  for (let after = '00000000-0000-0000-0000-000000000000'; ;) {
    const rows = await db.query<Row>(selectPage, [tenant, after, lanes, pageSize]);
    for (const { id, sealed, source_id: sourceId } of rows) {
      const raw = await keys.open(tenant, sealed, messageAad(tenant, id)).catch(() => null);
      if (raw === null) continue; // its key is gone: nobody reads it
      const { reading } = await interpretFrame(sources, raw, sourceId === null ? undefined : await sources.byId(sourceId));
      if (reading === undefined) found.searchedAsText += 1;
      const names = reading === undefined ? texts.some((text) => raw.includes(text)) : tokensOf(keys, tenant, reading).some((token) => person.tokens.has(token));
      if (names) found.ids.push(id);
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < pageSize) return found;
    after = last.id;
  }
}

/** Takes the content of such messages away; those that waited wait no more. */
export async function emptyMessages(tx: Sql, tenant: number, ids: readonly string[]): Promise<number> {
  const rows = await tx.query(
    `update message set sealed = null, status = case when status = 'applied' then status else 'discarded' end
     where tenant = $1 and id = any($2::uuid[]) and sealed is not null returning id`, [tenant, ids]);
  return rows.length;
}

function tokensOf(keys: Keys, tenant: number, { subjects, priors }: MessageReading): string[] {
  return [...subjects.flatMap(({ patient }) => identityTokens(keys, tenant, patient.identifiers)), ...priors.flatMap(({ identifiers }) => identityTokens(keys, tenant, identifiers))];
}
