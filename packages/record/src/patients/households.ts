import type { Patient } from '@medplum/fhirtypes';
import { PrimumError } from '@primum/base';
import type { Household, Households } from '@primum/trust';
import { resourceAad } from '../resources/resource-rows.ts';

/** Surnames and addresses out of the current Patient resources, for whoever compares them by keyed tokens. */
export const households: Households = {
  versionsOf: async (sql, tenant, patientIds) => {
    const rows = await sql.query<{ id: string; version: number }>(
      'select id, max(version) as version from resource where tenant = $1 and type = \'Patient\' and id = any($2::uuid[]) group by id', [tenant, patientIds],
    );
    return new Map(rows.map(({ id, version }) => [id, version]));
  },
  read: async (sql, reader, patientIds) => {
    const rows = await sql.query<{ id: string; version: number; body: Buffer }>(`
      select r.id, r.version, r.body from unnest($2::uuid[]) k(id)
      cross join lateral (select id, version, body from resource where tenant = $1 and type = 'Patient' and id = k.id order by version desc limit 1) r`,
    [reader.tenant, patientIds]);
    const found: Household[] = [];
    for (const { id, version, body } of rows) {
      try {
        const json = (await reader.open(body, id, resourceAad(reader.tenant, 'Patient', id, version))).toString();
        const patient = JSON.parse(json) as Patient; // sealed by us as a Patient
        found.push({
          patientId: id, version,
          surnames: (patient.name ?? []).flatMap(({ family }) => family ?? []),
          addresses: (patient.address ?? []).map(({ line = [], postalCode, city }) => [...line, postalCode, city].filter((part) => part !== undefined).join(' ')),
        });
      } catch (error) {
        // Erased meanwhile.
        if (!(error instanceof PrimumError && error.code === 'trust.key-missing')) throw error;
      }
    }
    return found;
  },
};
