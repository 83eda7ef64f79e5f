import { PrimumError } from '@primum/base';
import type { Notice } from '@primum/contract';
import { actorOf, type Audit, type PhiReader, type UserPrincipal } from '@primum/trust';
import { readIdentities } from './identities.ts';
import type { ViewDeps } from './view-deps.ts';

type Row = { id: string; stay_id: string; root_id: string; bed: string | null; created_at: Date };

const maxNotices = 100;

/** What the reader's person has not read yet: alerts that they acted on and whose evidence was withdrawn. */
export async function loadNotices(deps: ViewDeps, reader: PhiReader): Promise<Notice[]> {
  const { db, tenant, clock } = deps;
  if (reader.principal.kind !== 'user') return [];
  const allowed = reader.rowFilter({ alias: 'f', from: 3 });
  const rows = await db.query<Row>(
    `select n.id, s.id as stay_id, p.root_id, s.bed, n.created_at
     from notice n
     join alert a on a.tenant = n.tenant and a.id = n.alert_id
     join stay s on s.tenant = a.tenant and s.id = a.stay_id
     join patient p on p.tenant = s.tenant and p.id = s.patient_id
     join patient_facts f on f.tenant = p.tenant and f.patient_id = p.root_id
     where n.tenant = $1 and n.user_id = $2 and n.read_at is null and ${allowed.sql} order by n.created_at limit ${maxNotices}`,
    [tenant, reader.principal.userId, ...allowed.values],
  );
  const identities = await readIdentities(deps, reader, [...new Set(rows.map(({ root_id }) => root_id))], clock.now().getTime());
  return rows.map((row) => ({
    id: row.id,
    stayId: row.stay_id,
    bed: row.bed ?? '',
    name: identities.get(row.root_id)?.name ?? '',
    kind: 'evidence-withdrawn',
    text: 'A result that this alert rested on was corrected or withdrawn. Look at the patient again.',
    createdAt: row.created_at.toISOString(),
  }));
}

/** Marks a notice as read by the person it was for; reading it again changes nothing. Throws alert.not-found. */
export async function readNotice(deps: Pick<ViewDeps, 'db' | 'tenant' | 'clock'> & { audit: Audit }, principal: UserPrincipal, id: string): Promise<void> {
  const { db, tenant, clock, audit } = deps;
  await db.transaction(async (tx) => {
    const [row] = await tx.query<{ patient_id: string }>(
      'update notice set read_at = coalesce(read_at, $4) where tenant = $1 and id = $2 and user_id = $3 returning patient_id', [tenant, id, principal.userId, clock.now()],
    );
    if (row === undefined) throw new PrimumError('alert.not-found', `notice of ${actorOf(principal)}`);
    await audit.write(tx, [{ tenant, action: 'notice.acknowledged', outcome: 'success', principal, purpose: 'TREAT', patientId: row.patient_id, entities: [{ type: 'Notice', id }], at: clock.now() }]);
  });
}
