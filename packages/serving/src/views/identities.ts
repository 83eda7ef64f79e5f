import type { Patient } from '@medplum/fhirtypes';
import { PrimumError } from '@primum/base';
import type { Identity } from '@primum/contract';
import { resourceAad } from '@primum/record';
import type { PhiReader } from '@primum/trust';
import type { ViewDeps } from './view-deps.ts';

export type CachedIdentity = { version: number; identity: Omit<Identity, 'ageYears'> };

const unknown: Omit<Identity, 'ageYears'> = { name: 'Name not known', birthDate: '', mrn: '', sex: 'unknown' };
const yearMs = 365.2425 * 24 * 3_600_000;

/** Name, date of birth, MRN and sex out of the current Patient resources, by patient; opened once per version. */
export async function readIdentities(deps: ViewDeps, reader: PhiReader, patientIds: readonly string[], now: number): Promise<Map<string, Identity>> {
  const { db, tenant, identities } = deps;
  reader.note({ patientIds });
  const current = await db.query<{ id: string; version: number }>(
    'select id, max(version) as version from resource where tenant = $1 and type = \'Patient\' and id = any($2::uuid[]) group by id', [tenant, patientIds],
  );
  const stale = current.filter(({ id, version }) => identities.get(id)?.version !== version);
  if (stale.length > 0) {
    const rows = await db.query<{ id: string; version: number; patient_id: string; body: Buffer }>(
      `select r.id, r.version, r.patient_id, r.body from unnest($2::uuid[], $3::int[]) as w (id, version)
       join resource r on r.tenant = $1 and r.type = 'Patient' and r.id = w.id and r.version = w.version`,
      [tenant, stale.map(({ id }) => id), stale.map(({ version }) => version)],
    );
    await Promise.all(rows.map(async ({ id, version, patient_id, body }) => {
      const plain = await reader.open(body, patient_id, resourceAad(tenant, 'Patient', id, version)).catch(erasedIsNull);
      if (plain === null) return;
      // Sealed by the record, which writes FHIR Patients here.
      identities.set(id, { version, identity: identityOf(JSON.parse(plain.toString('utf8')) as Patient) });
    }));
  }
  const there = new Set(current.map(({ id }) => id));
  return new Map(patientIds.map((id) => {
    // Who was erased is not known any more, though another process may still hold the name.
    const identity = (there.has(id) ? identities.get(id)?.identity : undefined) ?? unknown;
    return [id, { ...identity, ageYears: ageYears(identity.birthDate, now) }];
  }));
}

/** Rows of a restored database whose key is gone: a list that names others is shown all the same. */
function erasedIsNull(error: unknown): null {
  if (error instanceof PrimumError && error.code === 'trust.key-missing') return null;
  throw error;
}

function identityOf(patient: Patient): Omit<Identity, 'ageYears'> {
  const name = patient.name?.find(({ use }) => use === 'official') ?? patient.name?.[0];
  const mrn = patient.identifier?.find(({ type }) => type?.coding?.some(({ code }) => code === 'MR')) ?? patient.identifier?.[0];
  const given = (name?.given ?? []).join(' ');
  const parts = [name?.family ?? '', given].filter((part) => part !== '');
  return {
    name: parts.length === 0 ? name?.text ?? unknown.name : parts.join(', '),
    birthDate: patient.birthDate ?? '',
    mrn: mrn?.value ?? '',
    sex: patient.gender ?? 'unknown',
  };
}

function ageYears(birthDate: string, now: number): number | null {
  const born = Date.parse(birthDate);
  return birthDate.length < 4 || Number.isNaN(born) ? null : Math.floor((now - born) / yearMs);
}
