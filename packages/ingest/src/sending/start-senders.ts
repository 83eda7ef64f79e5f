import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorFields, PrimumError, type Clock, type Log } from '@primum/base';
import { parseMessage, field } from '@primum/formats';
import type { Db } from '@primum/store';
import { mintSystemPrincipal, type Audit, type Keys } from '@primum/trust';
import { connectMllp, type MllpClient } from '../mllp/connect-mllp.ts';
import { outgoingAad, stepOutgoing, trimOutgoing } from './outgoing.ts';

export type SenderDeps = { db: Db; keys: Keys; audit: Audit; clock: Clock; log: Log };

const pollMs = 500;
const trimEveryMs = 3_600_000;
/** Longer than an attempt can take: connecting, sending, and what is in between. */
const lease = "now() + (2 * timeout_ms + 10000) * interval '1 millisecond'";
const firstPauseMs = 500;
const longestPauseMs = 60_000;
/** An AE may pass; one that comes this often is put aside, so that it does not hold up the others. */
const attemptsOfError = 5;

type Due = { id: number; name: string; host: string; port: number; tls: boolean; ca_file: string | null; timeout_ms: number };
type Head = { id: string; control_id: string; patient_id: string | null; sealed: Buffer; attempts: number };
type Answer = 'acknowledged' | 'refused' | 'error';
type Outcome = Answer | 'erased';
const codes: Readonly<Record<Outcome, string>> = { acknowledged: 'AA', refused: 'AR', error: 'AE', erased: 'record.erased' };

/**
 * Sends what is queued, one message in flight for each destination, in the order of its queue (HL7 2.5.1, section 2.9.2,
 * original mode). A receiver that does not answer is tried again with growing pauses, for ever: what was not answered may
 * have arrived, so it goes again under the same control ID and the receiver tells. AR puts a message aside at once, AE after
 * five attempts; the rest goes on. A destination is one process's at a time, by a lease, so a process that dies loses nothing.
 */
export function startSenders(deps: SenderDeps, tenant: number): { kick(): void; close(): Promise<void> } {
  const { db, log } = deps;
  const stop = new AbortController();
  const working = new Map<number, Promise<void>>();
  let wake = (): void => undefined;
  let trimmedAt = 0;
  const claim = (): Promise<Due[]> => db.query<Due>(`
    update destination d set leased_until = ${lease} where tenant = $1 and disabled_at is null and id <> all($2::int[])
      and (leased_until is null or leased_until < now()) and (next_attempt_at is null or next_attempt_at <= now())
      and exists (select from outgoing_message m where m.tenant = d.tenant and m.destination_id = d.id and m.status = 'queued')
    returning id, name, host, port, tls, ca_file, timeout_ms`, [tenant, [...working.keys()]]);
  const running = (async () => {
    while (!stop.signal.aborted) {
      try {
        if (Date.now() - trimmedAt > trimEveryMs) {
          while (!stop.signal.aborted && await trimOutgoing(db, tenant) > 0);
          trimmedAt = Date.now();
        }
        for (const due of await claim()) {
          const work = sendAll(deps, tenant, due, stop.signal).catch((error: unknown) => { log.warn('hl7.sending-failed', errorFields(error)); }).finally(() => { working.delete(due.id); });
          working.set(due.id, work);
        }
      } catch (error) {
        log.warn('hl7.sending-failed', errorFields(error));
      }
      await Promise.race([sleep(pollMs, undefined, { signal: stop.signal }).catch(() => undefined), new Promise<void>((resolve) => { wake = resolve; })]);
    }
    await Promise.all(working.values());
  })();
  return {
    kick: () => wake(),
    close: async () => {
      stop.abort();
      wake();
      await running;
    },
  };
}

/** Until the queue is empty or the receiver fails; the next attempt is then due after a pause. */
async function sendAll(deps: SenderDeps, tenant: number, due: Due, signal: AbortSignal): Promise<void> {
  const { db, keys } = deps;
  let client: MllpClient | undefined;
  try {
    client = await connectMllp({ host: due.host, port: due.port, timeoutMs: due.timeout_ms, signal, ...(due.tls ? { tls: { ca: due.ca_file === null ? '' : readFileSync(due.ca_file), servername: due.host } } : {}) });
    while (!signal.aborted) {
      const [head] = await db.query<Head>(`select id, control_id, patient_id, sealed, attempts from outgoing_message where tenant = $1 and destination_id = $2 and status = 'queued'
        and exists (select from destination where tenant = $1 and id = $2 and disabled_at is null) order by n limit 1`, [tenant, due.id]);
      if (head === undefined) break;
      await db.query(`update outgoing_message set attempts = attempts + 1 where tenant = $1 and id = $2`, [tenant, head.id]);
      const text = await opened(keys, tenant, head);
      if (text === null) {
        await settle(deps, tenant, due, head, 'erased');
        continue;
      }
      const answer = answerOf((await client.send(text)).toString('latin1'), head.control_id);
      await settle(deps, tenant, due, head, answer);
      if (answer === 'error' && head.attempts + 1 < attemptsOfError) throw new PrimumError('net.connection-lost', 'AE');
    }
    await db.query('update destination set leased_until = null, failures = 0, next_attempt_at = null where tenant = $1 and id = $2', [tenant, due.id]);
  } catch (error) {
    deps.log.warn('hl7.destination-failed', errorFields(error));
    await db.query(`update destination set leased_until = null, failures = failures + 1, next_attempt_at = now() + least(power(2, least(failures, 20)) * interval '${firstPauseMs} milliseconds', interval '${longestPauseMs} milliseconds')
      where tenant = $1 and id = $2`, [tenant, due.id]);
  } finally {
    await client?.close().catch(() => undefined);
  }
}

async function settle({ db, audit, clock }: SenderDeps, tenant: number, due: Due, head: Head, outcome: Outcome): Promise<void> {
  const event = outcome === 'acknowledged' ? 'acknowledge' : outcome === 'refused' ? 'refuse' : outcome === 'erased' || head.attempts + 1 >= attemptsOfError ? 'fail' : null;
  await db.transaction(async (tx) => {
    if (event !== null) {
      await stepOutgoing(tx, tenant, head.id, event, codes[outcome]);
      await audit.write(tx, [{
        tenant, principal: mintSystemPrincipal('ingest'), purpose: 'TREAT', action: event === 'acknowledge' ? 'message.sent' : 'message.not-delivered', outcome: event === 'acknowledge' ? 'success' : 'minor-failure', at: clock.now(),
        ...(head.patient_id === null ? {} : { patientId: head.patient_id }), entities: [{ type: 'outgoing-message', id: head.id }, { type: 'destination', id: due.name }],
      }]);
    }
    await tx.query(`update destination set leased_until = ${lease}${outcome === 'acknowledged' ? ', last_acknowledged_at = now(), failures = 0' : ''} where tenant = $1 and id = $2`, [tenant, due.id]);
  });
}

/** null: the patient was erased while it waited. */
async function opened(keys: Keys, tenant: number, { id, sealed }: Head): Promise<Buffer | null> {
  try {
    return await keys.open(tenant, sealed, outgoingAad(id));
  } catch (error) {
    if (error instanceof PrimumError && error.code === 'trust.key-missing') return null;
    throw error;
  }
}

/** MSA-1 of the answer to this message; an answer to another is none, and the connection is not to be trusted further. */
function answerOf(text: string, controlId: string): Answer {
  const parsed = parseMessage(text, { charset: 'UNICODE UTF-8' });
  const msa = parsed.ok ? parsed.message.segments.find(({ name }) => name === 'MSA') : undefined;
  const [code, of] = msa === undefined ? [] : [field(msa, 1), field(msa, 2)];
  if (of !== controlId) throw new PrimumError('net.connection-lost', 'an answer to another message');
  if (code === 'AA' || code === 'CA') return 'acknowledged';
  return code === 'AR' || code === 'CR' ? 'refused' : 'error';
}
