import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLog, logFieldNames } from '@primum/base';
import { addAgreement, mintSystemPrincipal } from '@primum/trust';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openLog } from '../apps/primum/src/cli/settings.ts';
import { tenant } from '../apps/primum/src/core.ts';
import { dataFlows } from '../apps/primum/src/evidence/data-flows.ts';
import { accessAccount, authorizationWalk, careRelationship, revocationLatency, secondFactor } from '../apps/primum/src/evidence/proofs/access-proofs.ts';
import { auditTamper, auditVerify } from '../apps/primum/src/evidence/proofs/audit-proofs.ts';
import { backupFreshness } from '../apps/primum/src/evidence/proofs/continuity-proofs.ts';
import { dataFlowsCovered, residency, transportScan } from '../apps/primum/src/evidence/proofs/place-proofs.ts';
import { breachDrill, eraseDrill } from '../apps/primum/src/evidence/proofs/rights-proofs.ts';
import { canaryScan, encryptionAtRest, logFields } from '../apps/primum/src/evidence/proofs/sealing-proofs.ts';
import { predictionReplay } from '../apps/primum/src/evidence/proofs/software-proofs.ts';
import { openScratch, type Scratch } from '../apps/primum/src/evidence/scratch.ts';
import { watchAgreements } from '../apps/primum/src/evidence/watch-agreements.ts';

let scratch: Scratch;
beforeAll(async () => { scratch = await openScratch({ patients: 9, hours: 10 }); }, 60_000);
afterAll(() => scratch.close());

describe('proofs on a scratch Primum', () => {
  it('find it as it should be, in their order', async () => {
    for (const proof of [authorizationWalk, secondFactor, revocationLatency(1), careRelationship, accessAccount, predictionReplay(2)]) {
      expect({ id: proof.id, ...await proof.run(scratch) }).toMatchObject({ id: proof.id, passed: true });
    }
  });

  it('name exactly the seven people whom a taken-over account read, and what it did', async () => {
    const { passed, figures } = await breachDrill.run(scratch);
    expect(passed).toBe(true);
    expect(figures).toMatchObject({ planted: 7, of: 9, found: 7, exactlyThese: true });
    const actions = new Map((figures['actions'] as { action: string; outcome: string; times: number }[]).map(({ action, outcome, times }) => [`${action} ${outcome}`, times])); // as the proof writes them
    expect(actions.get('emergency.opened success') ?? [...actions.keys()]).toBe(4);
    expect([...actions].filter(([what]) => what.endsWith('failure')).length).toBeGreaterThan(0);
  });

  it('see a name in clear, in a file as in a row, and say where without saying it', async () => {
    const file = join(scratch.home, 'spool', 'left-over');
    mkdirSync(join(scratch.home, 'spool'));
    writeFileSync(file, Buffer.concat([Buffer.alloc(70_000), Buffer.from(`name ${scratch.marker}`, 'utf16le')]));
    await scratch.primum.core.db.query('create table left_over (t text)');
    await scratch.primum.core.db.query('insert into left_over values ($1)', [`x ${scratch.patients[0]!.family}`]);
    const found = await canaryScan.run(scratch);
    expect(found).toMatchObject({ passed: false });
    const leaks = (found.figures['leaks'] as string[]).map((leak) => (leak.startsWith('data/') ? 'the files of that row' : leak)); // as the proof writes them
    expect([...new Set(leaks)].sort()).toEqual(['spool/left-over', 'table left_over', 'the files of that row']); // and nowhere else
    expect(JSON.stringify(found)).not.toContain(scratch.marker);
    rmSync(file);
    await scratch.primum.core.db.query('drop table left_over');
  });

  it('erase a person for good', async () => { expect(await eraseDrill.run(scratch)).toMatchObject({ passed: true, figures: { copiesOpened: 0 } }); });
});

it('ways out are found in settings, those to this machine are none', async () => {
  const { core, home } = { ...scratch.primum, home: scratch.home };
  const found = async (environment: NodeJS.ProcessEnv = {}): Promise<string[]> => (await dataFlows(core, tenant, environment)).map(({ id, to, personal }) => `${id} ${to} ${personal}`);
  expect(await found({ DATABASE_URL: 'postgresql://127.0.0.1/x', OPENLINEAGE_URL: 'http://127.0.0.1:5000/' })).toEqual([]);
  writeFileSync(join(home, 'keys.json'), JSON.stringify({ store: 'vault', vault: { address: 'https://vault.example:8200' } }));
  writeFileSync(join(home, 'issuer.json'), JSON.stringify({ issuer: 'https://idp.example/realm' }));
  expect(await found({ DATABASE_URL: 'postgresql://u:secret@db.example/x', OPENLINEAGE_URL: 'https://lineage.example/' })).toEqual([
    'database db.example true', 'lineage lineage.example false', 'key-store vault.example false', 'issuer idp.example false',
  ]);
  for (const name of ['keys.json', 'issuer.json']) rmSync(join(home, name));
});

describe('proofs of a home', () => {
  it('pass where all is well, and say what could not be tried', async () => {
    const { core } = scratch.primum;
    expect(await auditTamper(10).run(scratch)).toMatchObject({ passed: true, figures: { alterations: 10, detected: 10, named: 10 } });
    for (const proof of [auditVerify([]), encryptionAtRest, logFields(logFieldNames), transportScan, dataFlowsCovered]) expect({ id: proof.id, ...await proof.run(core) }).toMatchObject({ id: proof.id, passed: true });
    for (const proof of [residency, backupFreshness]) expect({ id: proof.id, ...await proof.run(core) }).toMatchObject({ id: proof.id, passed: null });
  }, 60_000);

  it('fail where it is not: an altered log, a field too many, a flow without an agreement, an old backup', async () => {
    const { core } = scratch.primum;
    openLog(scratch.home);
    writeFileSync(join(scratch.home, 'primum.log'), '{"time":"t","level":"info","event":"e","name":"x"}\n', { flag: 'a' });
    expect(await logFields(logFieldNames).run(core)).toMatchObject({ passed: false, figures: { otherFields: ['name'] } });

    await scratch.as('security-officer', { method: 'POST', path: '/api/clients', body: { id: 'growth-chart', name: 'Growth chart', kind: 'app', scopes: ['patient/Observation.rs'], redirectUris: ['https://app.example/back'] } });
    expect(await dataFlowsCovered.run(core)).toMatchObject({ passed: false, figures: { uncovered: ['client:growth-chart'] } });
    const today = new Date().toISOString().slice(0, 10);
    await addAgreement(core, tenant, mintSystemPrincipal('cli:test'), { party: 'App maker', kind: 'business-associate', scope: 'Growth charts', flows: ['client:growth-chart'], validFrom: today, validTo: today });
    expect(await dataFlowsCovered.run(core)).toMatchObject({ passed: true, figures: { endingSoon: [{ id: 'client:growth-chart', endsInDays: 0 }] } });

    // Tomorrow it is over, and the log says so once a day.
    const lines: string[] = [];
    const later = { ...core, log: createLog((line) => { lines.push(line); }), clock: { now: () => new Date(Date.now() + 86_400_000) } };
    const watch = watchAgreements(later);
    await vi.waitFor(() => expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([expect.objectContaining({ level: 'warn', event: 'agreement.flow-uncovered', source: 'client:growth-chart' })]));
    await watch.close();

    const old = { ...core, clock: { now: () => new Date(Date.now() + 40 * 3_600_000) } };
    await core.audit.write(core.db, ['backup.made', 'key-backup.made'].map((action) => ({ tenant, principal: mintSystemPrincipal('cli:test'), purpose: 'HSYSADMIN' as const, action, outcome: 'success' as const, at: core.clock.now() })));
    expect(await backupFreshness.run(core)).toMatchObject({ passed: true });
    expect(await backupFreshness.run(old)).toMatchObject({ passed: false });

    await core.db.transaction(async (tx) => {
      await tx.query('alter table audit_event disable trigger all');
      await tx.query("update audit_event set action = 'nothing' where seq = 5");
      await tx.query('alter table audit_event enable trigger all');
    });
    expect(await auditVerify([]).run(core)).toMatchObject({ passed: false, figures: { findings: [{ kind: 'altered', fromSeq: 5, toSeq: 5 }] } });
  }, 60_000);
});
