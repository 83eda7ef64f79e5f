import { createReadStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLog, systemClock } from '@primum/base';
import { parseCodeTable, physionetColumns, physionetSource, physionetStays, stayToFacts, type PhysionetStay } from '@primum/datasets';
import { createAcceptor, createApplier, createBacklog, createSourceDirectory, loadMappings, registerSource } from '@primum/ingest';
import { readFacts, type Fact } from '@primum/record';
import { createObjects, type Db } from '@primum/store';
import { createTestDatabase } from '@primum/store/testing';
import { createAudit, openKeys } from '@primum/trust';
import { physionetApplication, stayToMessages } from '../apps/primum/src/import-physionet/stay-to-messages.ts';
import { sharedData } from './support/available.ts';

/** CSV → HL7 → record → facts must be CSV → facts: what a model is trained on is what the bedside gives it. */
const tenant = 1;
const codes = parseCodeTable(JSON.parse(readFileSync(new URL('../packs/sepsis/codes.json', import.meta.url), 'utf8')));
const icuAdmitAt = Date.UTC(2026, 2, 1, 7, 0);

let db: Db;
let drop: () => Promise<void>;
let send: (stay: PhysionetStay) => Promise<Fact[]>;
let close: () => Promise<void>;
beforeAll(async () => {
  ({ db, drop } = await createTestDatabase());
  const directory = mkdtempSync(join(tmpdir(), 'primum-stays-'));
  const keys = await openKeys({ directory, tenants: [tenant] });
  const backlog = createBacklog({ db }, tenant);
  const shared = { db, keys, objects: createObjects(join(directory, 'objects')), clock: systemClock, log: silentLog, backlog, sources: createSourceDirectory({ db, now: Date.now }, tenant, 0) };
  const applier = createApplier({ ...shared, audit: createAudit({ keys }), codes, mappings: await loadMappings(codes) }, { tenant });
  const acceptor = createAcceptor({ ...shared, onCommitted: () => applier.kick() }, { tenant });
  for (const mapping of ['physionet2019-a', 'physionet2019-b']) {
    await registerSource(db, { tenant, application: physionetApplication, facility: mapping, siteCode: mapping, siteName: mapping, mapping, clockRate: 0, simulated: true });
  }
  send = async (stay) => {
    const source = physionetSource(stay.id);
    const columnUnits = Object.fromEntries(physionetColumns.map((name) => [name, codes.sources.get(source)?.columns[name]?.unit ?? '']));
    for (const { text } of stayToMessages(stay, { icuAdmitAt, facility: source, bed: '1', run: 'T', columnUnits })) {
      const answer = (await acceptor.accept(Buffer.from(text), { remote: 'test' })).toString();
      if (!answer.includes('MSA|AA')) throw new Error('a message was not accepted');
    }
    await applier.idle();
    const [patient] = await db.query<{ root_id: string }>('select root_id from patient order by known_seq desc limit 1', []);
    return (await readFacts(db, { tenant, rootId: patient!.root_id })).rows;
  };
  close = async () => {
    await acceptor.close();
    await applier.close();
    rmSync(directory, { recursive: true, force: true });
  };
});
afterAll(async () => {
  await close();
  await drop();
});

/** Everything but the key, the sequence and the sender's digits, which the direct path has not. */
const plain = (facts: readonly Fact[]): string[] => facts
  .map(({ code, value, effectiveAt, status, flag, text }) => JSON.stringify([code, value, effectiveAt, status, flag ?? null, code === 'primum:unit' ? text : null]))
  .sort();

async function bothWays(stay: PhysionetStay): Promise<{ throughHl7: string[]; direct: string[] }> {
  return { throughHl7: plain(await send(stay)), direct: plain(stayToFacts(stay, { icuAdmitAt, codes }).facts) };
}

describe('a stay of a file', () => {
  it('gives the same facts through HL7 and the record as directly', async () => {
    const header = `patient_id,${physionetColumns.join(',')},Age,Gender,Unit1,Unit2,HospAdmTime,ICULOS,SepsisLabel`;
    const cells = (values: Record<string, string>): string => physionetColumns.map((name) => values[name] ?? '').join(',');
    const csv = [
      header,
      `p099991,${cells({ HR: '88', Temp: '37.2', Lactate: '1.8' })},62.14,1,1,0,-12.37,1,0`,
      `p099991,${cells({ HR: '0', O2Sat: '97.5', FiO2: '0.4' })},62.14,1,1,0,-12.37,3,1`,
      `p199991,${cells({ Calcium: '1.21', FiO2: '4000', MAP: '71.5' })},,0,,,0.02,1,0`,
    ].join('\n');
    for await (const stay of physionetStays(Readable.from([Buffer.from(csv)]))) {
      const { throughHl7, direct } = await bothWays(stay);
      expect(throughHl7).toEqual(direct);
    }
    expect(await db.query("select 1 from message where status <> 'applied'", [])).toEqual([]);
  });

  it.skipIf(sharedData() === undefined)('does so for real stays of both hospitals', async () => {
    for (const file of ['hospital-a.csv.gz', 'hospital-b.csv.gz']) {
      let count = 0;
      for await (const stay of physionetStays(createReadStream(join(sharedData()!, 'sepsis2019', file)))) {
        const { throughHl7, direct } = await bothWays(stay);
        expect(direct.length).toBeGreaterThan(50);
        expect(throughHl7).toEqual(direct);
        count += 1;
        if (count === 4) break;
      }
    }
  });
});
