import { createHash } from 'node:crypto';
import type { Writable } from 'node:stream';
import type pg from 'pg';
import { databaseError } from './errors.ts';

/**
 * Something that runs SQL: the pool, one transaction, or one session. With values the statement is prepared once per
 * connection under a name made from its text; without, it is sent as it stands and may hold several statements, of
 * which the last one's rows come back. Rows are as the caller declares them: bigint → number, timestamptz → Date,
 * bytea → Buffer, jsonb → parsed. `name: false` is for text that is written anew for each use: it is planned for what
 * it asks, and no plan is kept. `point: true` is for a look at a few rows by their key, which outside a transaction shares
 * a connection with others of its kind.
 */
export type Sql = { query<Row>(text: string, values?: readonly unknown[], options?: QueryOptions): Promise<Row[]> };
export type QueryOptions = { name?: false; point?: true };

const preparedLimit = 2_000;

/** Names of prepared statements, bounded: a text beyond the bound is sent without a name. */
export function createStatementNames(): (text: string) => string | undefined {
  const names = new Map<string, string>();
  return (text) => {
    const known = names.get(text);
    if (known !== undefined || names.size >= preparedLimit) return known;
    const name = `p_${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
    names.set(text, name);
    return name;
  };
}

type Queryable = Pick<pg.ClientBase, 'query'>;

/**
 * What is sent in one turn of the event loop leaves in one write: a transaction's pipelined statements cost one system
 * call instead of one each. The hold ends before the loop goes on, so nothing is delayed.
 */
function holdUntilTurnEnds(client: Queryable): void {
  // pg's types leave the connection out; a pool has none.
  const { stream } = (client as { connection?: { stream: Writable & { held?: boolean } } }).connection ?? {};
  if (stream === undefined || stream.held === true) return;
  stream.held = true;
  stream.cork();
  process.nextTick(() => {
    stream.held = false;
    stream.uncork();
  });
}

export function sqlOver(client: Queryable, statementName: (text: string) => string | undefined): Sql {
  return {
    async query<Row>(text: string, values?: readonly unknown[], options?: QueryOptions): Promise<Row[]> {
      try {
        holdUntilTurnEnds(client);
        if (values === undefined) {
          // pg answers with a list where the text held several statements, which its types leave out.
          const answer = (await client.query(text)) as pg.QueryResult | pg.QueryResult[];
          return ((Array.isArray(answer) ? answer.at(-1)?.rows : answer.rows) ?? []) as Row[];
        }
        const name = options?.name === false ? undefined : statementName(text);
        // pg copies nothing and changes nothing in `values`; its type merely lacks readonly.
        const answer = await client.query({ text, values: values as unknown[], ...(name === undefined ? {} : { name }) });
        return answer.rows as Row[];
      } catch (error) {
        throw databaseError(error);
      }
    },
  };
}
