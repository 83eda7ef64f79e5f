import type { Sql } from '@primum/store';
import type { PhiReaderDeps } from '../access/phi-reader.ts';
import { refreshHouseholds, surnameTokenOf, type Households } from './household-tokens.ts';
import type { Looks, LooksContext, StaffMember } from './suspicions.ts';

/** Members of the groups of merged records that these patients belong to; `rootId` names the group. Handed in by the record's owner. */
export type PatientGroups = (sql: Sql, tenant: number, patientIds: readonly string[]) => Promise<readonly { patientId: string; rootId: string }[]>;

/** Which members of staff are which patients, of these users or of these patients. */
export type StaffLinks = (sql: Sql, tenant: number, ask: { userIds: readonly string[]; patientIds: readonly string[] }) => Promise<readonly { userId: string; patientId: string }[]>;

/** Units that people work on, by themselves or by a group. */
export type CareUnits = (sql: Sql, tenant: number, userIds: readonly string[]) => Promise<ReadonlyMap<string, readonly string[]>>;

export type LooksContextDeps = PhiReaderDeps & { groups: PatientGroups; staffLinks: StaffLinks; careUnits: CareUnits; households: Households };

type UserRow = { id: string; username: string; display_name: string };
type HouseholdRow = { patient_id: string; surname_tokens: Buffer[]; address_tokens: Buffer[] };

/** Gathers what the rules ask about the people and patients of these looks, in a handful of queries whatever their number. */
export async function looksContext(deps: LooksContextDeps, tx: Sql, tenant: number, looks: readonly Looks[]): Promise<LooksContext> {
  const usernames = [...new Set(looks.map(({ actor }) => actor.slice('user:'.length)))];
  const users = await tx.query<UserRow>('select id, username, display_name from app_user where tenant = $1 and username = any($2)', [tenant, usernames]);
  const userIds = users.map(({ id }) => id);
  const patientIds = [...new Set(looks.map(({ patientId }) => patientId))];

  const members = await deps.groups(tx, tenant, patientIds);
  const links = await deps.staffLinks(tx, tenant, { userIds, patientIds: members.map(({ patientId }) => patientId) });
  const roots = new Map([...members, ...await deps.groups(tx, tenant, links.map(({ patientId }) => patientId))].map(({ patientId, rootId }) => [patientId, rootId]));
  const rootedLinks = links.map(({ userId, patientId }) => ({ userId, patientId: roots.get(patientId) ?? patientId }));
  const ownRecords = rootedLinks.filter(({ userId }) => userIds.includes(userId));

  await refreshHouseholds(deps, tx, tenant, [...new Set([...patientIds, ...ownRecords.map(({ patientId }) => patientId)])]);
  const households = await readHouseholds(tx, tenant, [...patientIds, ...ownRecords.map(({ patientId }) => patientId)]);
  const units = await deps.careUnits(tx, tenant, userIds);
  const staff = new Map(users.map(({ id, username, display_name }): [string, StaffMember] => {
    const own = ownRecords.filter(({ userId }) => userId === id).map(({ patientId }) => households.get(patientId));
    const surnames = own.flatMap((household) => household?.surnames ?? []);
    return [`user:${username}`, {
      userId: id,
      careUnits: units.get(id) ?? [],
      surnames: surnames.length > 0 ? surnames : surnameTokenOf(deps.keys, tenant, display_name).map((token) => token.toString('hex')),
      addresses: own.flatMap((household) => household?.addresses ?? []),
    }];
  }));
  return {
    staff, households,
    facts: new Map((await deps.policy.factsOf(tx, tenant, patientIds)).map((facts) => [facts.patientId, facts])),
    staffWhoArePatients: new Map(Object.entries(Object.groupBy(rootedLinks, ({ patientId }) => patientId)).map(([patientId, of]) => [patientId, of!.map(({ userId }) => userId)])), // groupBy's groups are never empty
    bearers: await bearersOf(tx, tenant, [...new Set([...staff.values()].flatMap(({ surnames }) => surnames))]),
  };
}

async function readHouseholds(tx: Sql, tenant: number, patientIds: readonly string[]): Promise<LooksContext['households']> {
  const rows = await tx.query<HouseholdRow>(
    'select patient_id, surname_tokens, address_tokens from patient_household where tenant = $1 and patient_id = any($2::uuid[])', [tenant, patientIds],
  );
  const hex = (tokens: readonly Buffer[]): string[] => tokens.map((token) => token.toString('hex'));
  return new Map(rows.map((row) => [row.patient_id, { surnames: hex(row.surname_tokens), addresses: hex(row.address_tokens) }]));
}

async function bearersOf(tx: Sql, tenant: number, tokens: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const rows = await tx.query<{ token: string; patients: number }>(
    `select t.token, count(h.patient_id)::int as patients
     from unnest($2::text[]) t(token) left join patient_household h on h.tenant = $1 and h.surname_tokens @> array[decode(t.token, 'hex')] group by t.token`,
    [tenant, tokens],
  );
  return new Map(rows.map(({ token, patients }) => [token, patients]));
}
