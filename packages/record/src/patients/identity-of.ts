import type { Identifier, Patient } from '@medplum/fhirtypes';
import { PrimumError } from '@primum/base';
import type { Sql } from '@primum/store';
import type { PhiReader } from '@primum/trust';
import { resourceAad } from '../resources/resource-rows.ts';

/** Who a patient is, for a page that shows it; '' where the source did not say. */
export type PatientIdentity = { name: string; birthDate: string; mrn: string; sex: 'male' | 'female' | 'other' | 'unknown' };

export type VersionedIdentity = { identity: PatientIdentity; version: number };

/**
 * Identities out of the current Patient resources, for patients of the reader's scope. `known` holds what the caller has
 * opened before: an identity whose version still stands is taken from there, so that a list costs no decryption. A
 * patient whose content was erased is left out.
 */
export async function identityOf(
  sql: Sql, reader: PhiReader, patientIds: readonly string[], known: ReadonlyMap<string, VersionedIdentity> = new Map(),
): Promise<Map<string, VersionedIdentity>> {
  const rows = await sql.query<{ id: string; version: number; body: Buffer | null }>(`
    select r.id, r.version, case when r.version = k.version then null else r.body end as body
    from unnest($2::uuid[], $3::int[]) as k(id, version)
    cross join lateral (select id, version, body from resource where tenant = $1 and type = 'Patient' and id = k.id order by version desc limit 1) r`,
  [reader.tenant, patientIds, patientIds.map((id) => known.get(id)?.version ?? 0)]);
  reader.note({ patientIds: [...patientIds] });
  const identities = new Map<string, VersionedIdentity>();
  for (const { id, version, body } of rows) {
    const held = known.get(id);
    const identity = body === null ? held?.identity : await openIdentity(reader, id, version, body);
    if (identity !== undefined) identities.set(id, { identity, version });
  }
  return identities;
}

async function openIdentity(reader: PhiReader, id: string, version: number, body: Buffer): Promise<PatientIdentity | undefined> {
  try {
    const json = (await reader.open(body, id, resourceAad(reader.tenant, 'Patient', id, version))).toString();
    return toIdentity(JSON.parse(json) as Patient); // sealed by us as a Patient
  } catch (error) {
    if (error instanceof PrimumError && error.code === 'trust.key-missing') return undefined;
    throw error;
  }
}

function toIdentity(patient: Patient): PatientIdentity {
  const name = patient.name?.[0];
  const given = (name?.given ?? []).join(' ');
  return {
    name: [name?.family ?? '', given].filter((part) => part !== '').join(', '),
    birthDate: patient.birthDate ?? '',
    mrn: (patient.identifier ?? []).find(isMrn)?.value ?? patient.identifier?.[0]?.value ?? '',
    sex: patient.gender ?? 'unknown',
  };
}

function isMrn({ type }: Identifier): boolean {
  return type?.coding?.some(({ code }) => code === 'MR' || code === 'MRN') ?? false;
}
