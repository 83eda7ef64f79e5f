import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLog, systemClock, type Clock } from '@primum/base';
import { buildMessage, component, parseMessage, segmentNamed, type SegmentInput } from '@primum/formats';
import { createValidator, parseCodeTable, readFacts, readPatientFacts, type CodeTable, type Fact } from '@primum/record';
import { createObjects, type Db, type Objects } from '@primum/store';
import { createTestDatabase } from '@primum/store/testing';
import { createAudit, createPolicy, openKeys, type Audit, type Keys, type Policy } from '@primum/trust';
import { createAcceptor, type Acceptor } from '../accept/acceptor.ts';
import { createBacklog, type Backlog } from '../accept/backlog.ts';
import { createApplier, type Applier } from '../apply/applier.ts';
import { loadMappings, type Mappings } from '../mapping/load-mappings.ts';
import { createFactCheck } from '../quality/check-fact.ts';
import { loadQualityRules } from '../quality/load-rules.ts';
import type { QualityRules } from '../quality/rule.ts';
import { identityTokens } from '../reading/tokens.ts';
import { createSourceDirectory, type SourceDirectory } from '../sources/source-directory.ts';
import { registerSource } from '../sources/register-source.ts';
import { createMessageCheck } from '../validation/check-resources.ts';

export const tenant = 1;
export const facility = 'SIMICU';

/** The whole of ingest over a real database and key store, without a socket: for tests. */
export type TestIngest = {
  db: Db; url: string; keyDirectory: string; objects: Objects; keys: Keys; audit: Audit; policy: Policy; codes: CodeTable; mappings: Mappings; sources: SourceDirectory; backlog: Backlog; acceptor: Acceptor;
  /** Accepts without applying; gives MSA-1 and ERR-5. */
  accept(text: string): Promise<{ ack: string; code: string }>;
  /** Accepts in order, then applies all that waits. */
  send(...texts: readonly string[]): Promise<void>;
  applier(options?: { maxBatch?: number }): Applier;
  applyAll(): Promise<void>;
  rootOf(mrn: string): Promise<string>;
  facts(mrn: string, upToSeq?: number): Promise<{ rows: Fact[]; pinSeq: number }>;
  /** What stands at a pin: for each key the last row, withdrawn ones left out. */
  standing(mrn: string, upToSeq?: number): Promise<Fact[]>;
  reasons(): Promise<string[]>;
  close(): Promise<void>;
};

export async function createTestIngest(clock: Clock = systemClock, rules?: QualityRules): Promise<TestIngest> {
  const { db, url, drop } = await createTestDatabase();
  const directory = mkdtempSync(join(tmpdir(), 'primum-ingest-'));
  const objects = createObjects(join(directory, 'objects'));
  const keys = await openKeys({ directory, tenants: [tenant] });
  const audit = createAudit({ keys });
  const policy = createPolicy({ readPatientFacts, demonstration: true });
  const codes = parseCodeTable(JSON.parse(readFileSync(new URL('../../../../packs/sepsis/codes.json', import.meta.url), 'utf8')));
  const mappings = await loadMappings(codes);
  const validator = createValidator();
  const checkFact = createFactCheck(rules ?? await loadQualityRules());
  for (const application of ['SIMADT', 'SIMMON', 'SIMLAB']) {
    await registerSource(db, { tenant, application, facility, siteCode: 'icu', siteName: 'ICU', mapping: 'ward-simulator', clockRate: 60, simulated: true });
  }
  const sources = createSourceDirectory({ db, now: () => clock.now().getTime() }, tenant, 0);
  const backlog = createBacklog({ db }, tenant);
  const acceptor = createAcceptor({ db, keys, clock, log: silentLog, backlog, sources, check: createMessageCheck(validator, mappings.v2) }, { tenant });
  const applier = (options?: { maxBatch?: number }): Applier => createApplier({ db, keys, objects, audit, codes, checkFact, validator, mappings, sources, clock, log: silentLog, backlog }, { tenant, pollMs: 20, ...options });

  const rootOf = async (mrn: string): Promise<string> => {
    const [token] = identityTokens(keys, tenant, [{ value: mrn, authority: facility, type: 'MR' }]);
    const [row] = await db.query<{ root_id: string }>(
      'select p.root_id from patient_identifier i join patient p on p.tenant = i.tenant and p.id = i.patient_id where i.tenant = $1 and i.token = $2',
      [tenant, Buffer.from(token ?? '', 'hex')],
    );
    if (row === undefined) throw new Error('no such patient');
    return row.root_id;
  };
  const facts = async (mrn: string, upToSeq?: number): Promise<{ rows: Fact[]; pinSeq: number }> =>
    readFacts(db, { tenant, rootId: await rootOf(mrn), ...(upToSeq === undefined ? {} : { upToSeq }) });
  const applyAll = async (): Promise<void> => {
    const running = applier();
    for (let round = 0; round < 2_000; round += 1) {
      if (await backlog.refresh() === 0) break;
      await sleep(5);
    }
    await running.close();
  };
  const accept = async (text: string): Promise<{ ack: string; code: string }> => {
    const parsed = parseMessage((await acceptor.accept(Buffer.from(text), { remote: 'test' })).toString());
    if (!parsed.ok) throw new Error('the acknowledgement is no message');
    const [msa, err] = [segmentNamed(parsed.message, 'MSA'), segmentNamed(parsed.message, 'ERR')];
    return { ack: msa === undefined ? '' : component(msa, 1), code: err === undefined ? '' : component(err, 5) };
  };
  return {
    db, url, keyDirectory: directory, objects, keys, audit, policy, codes, mappings, sources, backlog, acceptor, accept, applier, applyAll, rootOf, facts,
    send: async (...texts) => {
      for (const text of texts) await accept(text);
      await applyAll();
    },
    standing: async (mrn, upToSeq) => {
      const { rows } = await facts(mrn, upToSeq);
      return [...new Map(rows.map((fact) => [fact.key, fact])).values()].filter(({ status }) => status !== 'retracted');
    },
    reasons: async () => (await db.query<{ reason_code: string }>("select reason_code from message where status = 'quarantined' order by arrival")).map((row) => row.reason_code),
    close: async () => {
      await acceptor.close();
      await drop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

let controls = 0;

/** A message of the test ward. `at` is MSH-7 and the event's time (HL7 timestamp). */
export function message(type: string, at: string, segments: readonly SegmentInput[], options: { control?: string; application?: string } = {}): string {
  controls += 1;
  const [code = '', trigger = ''] = type.split('^');
  return buildMessage([
    ['MSH', options.application ?? (code === 'ORU' ? 'SIMMON' : 'SIMADT'), facility, 'PRIMUM', 'PRIMUM', at, '', [code, trigger], options.control ?? `C${controls}`, 'P', '2.5.1', '', '', '', '', '', 'UNICODE UTF-8'],
    ...(code === 'ADT' ? [['EVN', trigger, at, '', '', '', at] satisfies SegmentInput] : []),
    ...segments,
  ]);
}

export const pid = (mrn: string, more: { name?: [string, string]; birth?: string; sex?: string; died?: string } = {}): SegmentInput => [
  'PID', '1', '', [mrn, '', '', facility, 'MR'], '', more.name ?? ['Muster', 'Maria'], '', more.birth ?? '19600101', more.sex ?? 'F',
  ...Array.from({ length: 21 }, () => ''), more.died ?? '',
];

export const pv1 = (visit: string, bed: string, more: { ward?: string; admitted?: string; ended?: string; disposition?: string } = {}): SegmentInput => {
  const fields: (string | string[])[] = Array.from({ length: 45 }, () => '');
  fields[1] = 'I';
  fields[2] = [more.ward ?? 'ICU', 'ICU', bed];
  fields[18] = [visit, '', '', facility, 'VN'];
  fields[35] = more.disposition ?? '';
  fields[43] = more.admitted ?? '';
  fields[44] = more.ended ?? '';
  return ['PV1', ...fields];
};

export const obr = (order: string, at: string): SegmentInput => ['OBR', '1', order, order, ['VITALS', 'Vital signs', 'L'], '', '', at];

export const obx = (code: string, value: string, unit: string, more: { status?: string; at?: string; type?: string } = {}): SegmentInput =>
  ['OBX', '1', more.type ?? 'NM', [code, code, 'L'], '', value, unit, '', '', '', '', more.status ?? 'F', '', '', more.at ?? ''];

export const ms = (at: string): number => Date.UTC(Number(at.slice(0, 4)), Number(at.slice(4, 6)) - 1, Number(at.slice(6, 8)), Number(at.slice(8, 10)), Number(at.slice(10, 12)), Number(at.slice(12, 14)));
