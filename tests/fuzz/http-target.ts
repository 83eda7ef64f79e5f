import { Agent, request } from 'node:http';
import { createLog } from '@primum/base';
import { errorCatalogue } from '@primum/contract';
import { bootForTest, type Booted } from '../support/booted.ts';
import { serviceClient } from '../support/service-client.ts';
import type { FuzzOutcome, FuzzTarget, Random } from './target.ts';
import { randomOf } from './target.ts';

export type FuzzRequest = { method: string; path: string; body?: string; type?: string };
export type FuzzAnswer = { status: number; location?: string; text: string };
export type Send = (request: FuzzRequest) => Promise<FuzzAnswer>;

const patienceMs = 30_000;
const tokenMs = 200_000;
const mostChecked = 1_000;

const record = (value: unknown): Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null ? value as Record<string, unknown> : {}; // any object can be asked by name
const list = (value: unknown): readonly unknown[] => Array.isArray(value) ? value : [];

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A rejection has to be an OperationOutcome one of whose issues names a code of the catalogue. */
function namesCode(outcome: unknown): boolean {
  const { resourceType, issue } = record(outcome);
  const codes = list(issue).flatMap((one) => list(record(record(one)['details'])['coding'])).map((coding) => record(coding)['code']);
  return resourceType === 'OperationOutcome' && codes.some((code) => typeof code === 'string' && Object.hasOwn(errorCatalogue, code));
}

/** What is wrong with an answer, entries of a batch included; and whether it accepted. */
function judge({ status, text }: FuzzAnswer): { fault?: string; accepted: boolean } {
  // HTTP's own bound (headers and address beyond 16 KiB): the parser answers before there is a request to answer.
  if (status === 431) return { accepted: false };
  if (status >= 500) return { fault: `answered ${status}`, accepted: false };
  const body = text === '' ? undefined : parsed(text);
  if (status >= 400) return { ...(namesCode(body) ? {} : { fault: `a rejection ${status} without a code of the catalogue` }), accepted: false };
  for (const entry of list(record(body)['entry'])) {
    const response = record(record(entry)['response']);
    const own = Number(String(response['status'] ?? '200').slice(0, 3));
    if (own >= 500) return { fault: `an entry answered ${own}`, accepted: false };
    if (own >= 400 && !namesCode(response['outcome'])) return { fault: `an entry's rejection ${own} without a code of the catalogue`, accepted: false };
  }
  return { accepted: true };
}

/** A booted Primum whose FHIR API is asked, by a service account, what `make` makes. What it created has to be readable at the end. */
export function httpTarget(make: (random: Random) => FuzzRequest[], prepare: (send: Send, primum: Booted) => Promise<void> = async () => undefined): FuzzTarget {
  return async () => {
    const log = createLog((line) => process.stderr.write(line), 'error');
    const primum = await bootForTest({ ownDatabase: true, log });
    const service = await serviceClient(primum);
    const agent = new Agent({ keepAlive: true, maxSockets: 16 });
    let held = { token: '', until: 0 };
    const created = new Set<string>();
    // As it is: a client of the standard library would mend the address.
    const send: Send = async ({ method, path, body, type = 'application/fhir+json' }) => {
      if (held.until < Date.now()) held = { token: await service.token(), until: Date.now() + tokenMs };
      return new Promise((resolve, reject) => {
        const sent = request({
          host: '127.0.0.1', port: primum.httpPort, agent, method, path: `/api/fhir${path}`, timeout: patienceMs,
          headers: { authorization: `Bearer ${held.token}`, ...(body === undefined ? {} : { 'content-type': type, 'content-length': String(Buffer.byteLength(body)) }) },
        }, (response) => {
          const chunks: Buffer[] = [];
          const { location } = response.headers;
          response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject)
            .on('end', () => resolve({ status: response.statusCode ?? 0, ...(location === undefined ? {} : { location }), text: Buffer.concat(chunks).toString() }));
        });
        sent.on('timeout', () => sent.destroy(new Error('not answered in time'))).on('error', (error) => {
          // A connection that the server ended while it lay idle: sent once more, as any client does.
          if (sent.reusedSocket && 'code' in error && error.code === 'ECONNRESET') resolve(send({ method, path, type, ...(body === undefined ? {} : { body }) }));
          else reject(error);
        }).end(body);
      });
    };
    const run = async (seed: number, round: number): Promise<FuzzOutcome> => {
      const requests = make(randomOf(seed, round));
      const outcome = { inputs: requests.length, accepted: 0, rejected: 0, faults: [] as string[], input: Buffer.from(JSON.stringify(requests)) };
      await Promise.all(requests.map(async (wanted, index) => {
        try {
          const answer = await send(wanted);
          const { fault, accepted } = judge(answer);
          if (fault !== undefined) outcome.faults.push(`request ${index}: ${fault}`);
          if (accepted) outcome.accepted += 1;
          else outcome.rejected += 1;
          if (answer.status === 201 && answer.location !== undefined && created.size < mostChecked) created.add(answer.location);
        } catch (error) {
          outcome.faults.push(`request ${index}: no answer (${error instanceof Error && 'code' in error ? String(error.code) : 'timeout'})`);
        }
      }));
      return outcome;
    };
    await prepare(send, primum);
    return {
      run,
      async check() {
        let lost = 0;
        for (const location of created) {
          const at = location.indexOf('/api/fhir/');
          // Deleted since by another input is no loss.
          if (![200, 410].includes((await send({ method: 'GET', path: location.slice(at + '/api/fhir'.length) })).status)) lost += 1;
        }
        return lost > 0 ? [`${lost} of ${created.size} created versions are not in the record`] : [];
      },
      async close() {
        agent.destroy();
        await primum[Symbol.asyncDispose]();
      },
    };
  };
}
