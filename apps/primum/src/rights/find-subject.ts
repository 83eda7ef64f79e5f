import type { RightsSubject } from '@primum/contract';
import { identityTokens } from '@primum/ingest';
import { identityOf } from '@primum/record';
import { withPhiReader, type Principal } from '@primum/trust';
import { tenant, type Core } from '../core.ts';

/** The tokens of a medical record number as any of the known senders would assign it. */
export async function numberTokens(core: Pick<Core, 'db' | 'keys'>, mrn: string): Promise<Buffer[]> {
  const authorities = await core.db.query<{ facility: string }>('select distinct facility from source where tenant = $1', [tenant]);
  return ['', ...authorities.map(({ facility }) => facility)]
    .flatMap((authority) => identityTokens(core.keys, tenant, [{ value: mrn.trim(), authority, type: 'MR' }]))
    .map((token) => Buffer.from(token, 'hex'));
}

/** Who has this number, by the root of merged records; usually one, none where nobody has. */
export async function findSubjects(core: Core, principal: Principal, mrn: string): Promise<RightsSubject[]> {
  const rows = await core.db.query<{ root_id: string }>(
    `select distinct p.root_id from patient_identifier i join patient p on p.tenant = i.tenant and p.id = i.patient_id
     where i.tenant = $1 and i.token = any($2::bytea[]) order by p.root_id limit 20`, [tenant, await numberTokens(core, mrn)]);
  if (rows.length === 0) await tried(core, principal, 'PATRQT');
  return rows.length === 0 ? [] : readSubjects(core, principal, rows.map(({ root_id }) => root_id));
}

/** A number that nobody has was looked up: whoever tries numbers leaves a trace of each, without the number. */
export async function tried({ db, audit, clock }: Pick<Core, 'db' | 'audit' | 'clock'>, principal: Principal, purpose: 'PATRQT' | 'HCOMPL'): Promise<void> {
  await audit.write(db, [{ tenant, principal, purpose, action: 'patient.find', outcome: 'minor-failure', at: clock.now() }]);
}

export function readSubjects(core: Core, principal: Principal, rootIds: readonly string[]): Promise<RightsSubject[]> {
  return withPhiReader(core, { tenant, principal, purpose: 'PATRQT', action: 'patient.find', authority: 'patient.find', scope: { patientIds: rootIds } }, async (reader) => {
    const identities = await identityOf(core.db, reader, rootIds);
    return rootIds.map((patientId) => {
      const identity = identities.get(patientId)?.identity;
      return { patientId, name: identity?.name ?? 'Name not known', birthDate: identity?.birthDate ?? '', mrn: identity?.mrn ?? '' };
    });
  });
}
