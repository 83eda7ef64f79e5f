import { createHmac, randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PrimumError } from '@primum/base';
import { roles, type Role } from '@primum/contract';
import { connectMllp, registerSource } from '@primum/ingest';
import { mintSystemPrincipal } from '@primum/trust';
import { bootPrimum, type Primum } from '../boot.ts';
import { openLog } from '../cli/settings.ts';
import { tenant } from '../core.ts';
import { settled } from '../settle.ts';
import { wardFacility, wardSenders } from '../ward-simulator/messages.ts';
import { simulateStay } from '../ward-simulator/stay.ts';

/** Site of the invented patients; the first three lie in a ward of their own. */
export const scratchUnit = 'EVIDENCE';
export const smallWard = { code: 'HDU', unit: `${scratchUnit}/HDU`, patients: 3 } as const;

/** Two in intensive care, where the model scores, stay long enough to be scored. */
const isLong = (n: number): boolean => n >= smallWard.patients && n < smallWard.patients + 2;
const messagesAtOnce = 16;

/** An invented person. */
export type Invented = { family: string; given: string; mrn: string; patientId: string; stayId: string; /** The message that ends the stay; not sent yet. */ discharge: string };
export type Person = { userId: string; username: string; password: string; totpSecret: string; cookie: string };
export type Answer = { status: number; body: unknown; cookie: string | undefined };
export type Asked = { method?: string; path: string; body?: unknown; cookie?: string | undefined; headers?: Readonly<Record<string, string>> };

/**
 * A Primum of its own in production mode, in a folder that is removed afterwards: real database, real sockets, one person a
 * role with a second factor, invented patients that came in as HL7 messages. What proofs may break they break here.
 */
export type Scratch = {
  folder: string;
  home: string;
  primum: Primum;
  /** Stands in every invented name and number, and nowhere else. */
  marker: string;
  people: Readonly<Record<Role, Person>>;
  patients: readonly Invented[];
  ask(asked: Asked): Promise<Answer>;
  /** Someone of a role asks; throws where the answer is not 2xx. */
  as<T>(role: Role, asked: Omit<Asked, 'cookie'>): Promise<T>;
  /** Somebody new, signed in with a second factor. */
  addPerson(username: string, role: Role, units?: readonly string[]): Promise<Person>;
  send(...messages: readonly string[]): Promise<void>;
  close(): Promise<void>;
};

/** Settings of the environment that belong to the real home: nothing of a scratch one may lean on them, or leave by them. */
const foreign = ['DATABASE_URL', 'PRIMUM_MASTER_KEY_FILE', 'OPENLINEAGE_URL', 'PRIMUM_MODE'];

export async function openScratch(options: { patients: number; hours: number }): Promise<Scratch> {
  for (const name of foreign) Reflect.deleteProperty(process.env, name);
  // Under root PostgreSQL runs as another user, who must get through.
  const folder = mkdtempSync(join(process.getuid?.() === 0 ? '/var/tmp' : tmpdir(), 'primum-evidence-'));
  chmodSync(folder, 0o711);
  const home = join(folder, 'home');
  let primum: Primum | undefined;
  try {
    primum = await bootPrimum({ home, log: openLog(home), mode: 'production', httpPort: 0, mllpPort: 0, wardRate: null, console: false });
    return await furnish(folder, home, primum, options);
  } catch (error) {
    await primum?.stop();
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

async function furnish(folder: string, home: string, primum: Primum, { patients: count, hours }: { patients: number; hours: number }): Promise<Scratch> {
  const { core, httpPort } = primum;
  const ask = (asked: Asked): Promise<Answer> => request(httpPort, asked);
  const addPerson = async (username: string, role: Role, units: readonly string[] = []): Promise<Person> => {
    const made = await core.identity.createUser(tenant, mintSystemPrincipal('cli:evidence'), { username, displayName: username, role, units: [...units] });
    return signInFirst(ask, made.id, username, made.password);
  };
  const people: Partial<Record<Role, Person>> = {};
  for (const role of roles) people[role] = await addPerson(`evidence-${role}`, role, role === 'clinician' ? [scratchUnit] : []);
  for (const application of Object.values(wardSenders)) {
    await registerSource(core.db, { tenant, application, facility: wardFacility, siteCode: scratchUnit, siteName: 'Evidence', mapping: 'ward-simulator', clockRate: 0 });
  }
  const send: Scratch['send'] = async (...messages) => {
    await using client = await connectMllp({ host: '127.0.0.1', port: primum.mllpPort, pipelining: 16 });
    const answers = await Promise.all(messages.map((message) => client.send(message)));
    if (answers.some((answer) => !answer.toString().includes('MSA|AA|'))) throw new PrimumError('internal.bug', 'an invented message was not accepted');
    await primum.applied();
    await settled(core.db, 30_000);
  };
  const marker = `Zq${word(8)}`;
  const invented = Array.from({ length: count }, (_, n) => invent(marker, n, isLong(n) ? hours : 1));
  // Long stays bit by bit, as a ward sends them, so that they are scored on their way.
  const long = invented.filter((_, n) => isLong(n));
  const longest = Math.max(...long.map(({ messages }) => messages.length));
  for (let from = 0; from < longest; from += messagesAtOnce) await send(...long.flatMap(({ messages }) => messages.slice(from, from + messagesAtOnce)));
  await send(...invented.filter((_, n) => !isLong(n)).flatMap(({ messages }) => messages));
  const patients: Invented[] = [];
  for (const { family, given, mrn, bed, discharge } of invented) {
    const [row] = await core.db.query<{ id: string; patient_id: string }>('select id, patient_id from stay where tenant = $1 and bed = $2', [tenant, bed]);
    if (row === undefined) throw new PrimumError('internal.bug', 'an invented stay did not arrive');
    patients.push({ family, given, mrn, patientId: row.patient_id, stayId: row.id, discharge });
  }
  let closing: Promise<void> | undefined;
  const known = people as Record<Role, Person>; // one a role was added above
  return {
    folder, home, primum, marker, people: known, patients, ask, addPerson, send,
    as: async <T>(role: Role, asked: Omit<Asked, 'cookie'>): Promise<T> => {
      const { status, body } = await ask({ ...asked, cookie: known[role].cookie });
      if (status < 200 || status > 299) throw new PrimumError('internal.bug', `${asked.method ?? 'GET'} ${asked.path.replaceAll(/[0-9a-f-]{36}/g, 'ID')} answered ${status} to ${role}`);
      return body as T; // as the route's schema says it
    },
    close: () => closing ??= primum.stop().then(() => rmSync(folder, { recursive: true, force: true })),
  };
}

const word = (length: number): string => [...randomBytes(length)].map((byte) => String.fromCharCode(97 + (byte % 26))).join('');

/** A name and number unlike anything else, so that finding them anywhere means they leaked. */
function invent(marker: string, n: number, hours: number): { family: string; given: string; mrn: string; bed: string; messages: string[]; discharge: string } {
  const [family, given, mrn] = [`${marker}${word(4)}`, `${marker}${word(4)}`, `${marker}${word(6)}`.toUpperCase()];
  const stay = simulateStay({ seed: 7, bed: n + 1, turn: 0, admittedAt: Date.UTC(2026, 4, 30, 8), forced: { kind: 'post-operative', hours } });
  const bed = String(n + 1).padStart(2, '0');
  const messages = stay.messages.map(({ text }) => text
    .replaceAll(`${stay.patient.family}^${stay.patient.given}`, `${family}^${given}`).replaceAll(stay.patient.mrn, mrn)
    .replaceAll(`ICU^ICU^${bed}`, `${n < smallWard.patients ? smallWard.code : 'ICU'}^ICU^${bed}`));
  const discharge = messages.pop() ?? ''; // the last message of a stay
  return { family, given, mrn, bed, messages, discharge };
}

/** The first sign-in as a person goes through it: password, a new one, an authenticator app. */
async function signInFirst(ask: Scratch['ask'], userId: string, username: string, oneTime: string): Promise<Person> {
  const password = `${randomBytes(18).toString('base64url')}-a1`;
  const begun = await ask({ method: 'POST', path: '/api/session', body: { username, password: oneTime } });
  const changed = await ask({ method: 'PUT', path: '/api/account/password', body: { current: oneTime, next: password }, cookie: begun.cookie });
  const secret = await ask({ method: 'POST', path: '/api/account/totp', cookie: changed.cookie });
  const totpSecret = (secret.body as { secret?: string }).secret ?? ''; // TotpSecret
  const confirmed = await ask({ method: 'PUT', path: '/api/account/totp', body: { code: totpAt(totpSecret, Date.now()) }, cookie: changed.cookie });
  if (confirmed.status !== 200 || confirmed.cookie === undefined) throw new PrimumError('internal.bug', `enrolment answered ${begun.status}, ${changed.status}, ${secret.status}, ${confirmed.status}`);
  return { userId, username, password, totpSecret, cookie: confirmed.cookie };
}

/** RFC 6238 with the usual parameters, by hand: what an authenticator app would show. */
export function totpAt(base32: string, ms: number): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...base32].map((letter) => alphabet.indexOf(letter).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g)?.map((byte) => Number.parseInt(byte, 2)) ?? []);
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(ms / 30_000)));
  const mac = createHmac('sha1', key).update(counter).digest();
  return String((mac.readUInt32BE(mac[19]! & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

async function request(port: number, { method = 'GET', path, body, cookie, headers = {} }: Asked): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method, redirect: 'manual', signal: AbortSignal.timeout(30_000),
    headers: { ...headers, ...(cookie === undefined ? {} : { cookie }), ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const given = response.headers.getSetCookie().find((line) => line.startsWith('primum_session='))?.split(';')[0];
  // A stream of events never ends: its status says enough.
  if (response.headers.get('content-type')?.startsWith('text/event-stream') === true) {
    await response.body?.cancel();
    return { status: response.status, body: null, cookie: given };
  }
  const text = await response.text();
  return { status: response.status, body: parsed(text), cookie: given ?? cookie };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
