import type { Patient, Resource } from '@medplum/fhirtypes';
import { uuidOf } from '@primum/record';
import type { Sql } from '@primum/store';
import type { Keys } from '@primum/trust';
import { authoritySystem, systems } from '../fhir/systems.ts';
import { identityTokens } from '../reading/tokens.ts';
import { CellFault, textOfCell, type Row } from './cells.ts';
import { fillTemplate } from './fill-template.ts';
import type { TableMapping } from './table-mapping.ts';

/** Who a row is about, and the Patient to register with it where the mapping says so and nobody has that number. */
export type Subject = { patientId: string; patient?: Patient } | { fault: CellFault };

/** Of a batch of rows, in one look-up. `null`: the mapping names no patients. */
export async function findPatients(deps: { db: Sql; keys: Keys }, tenant: number, mapping: TableMapping, rows: readonly Row[]): Promise<(Subject | null)[]> {
  const { patient: said } = mapping;
  if (said === undefined) return rows.map(() => null);
  const { db, keys } = deps;
  const values = rows.map((row) => textOfCell(row, said.column, mapping));
  const unknown: Subject = { fault: new CellFault(said.column, 'table.patient-unknown') };
  const missing: Subject = { fault: new CellFault(said.column, 'table.value-missing') };
  if (said.authority === null) {
    const ids = values.filter((value) => value !== undefined && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value));
    const known = new Set((await db.query<{ id: string }>('select id from patient where tenant = $1 and id = any($2::uuid[])', [tenant, [...new Set(ids)]])).map(({ id }) => id));
    return values.map((value) => (value === undefined ? missing : known.has(value) ? { patientId: value } : unknown));
  }
  const authority = said.authority;
  const tokens = values.map((value) => (value === undefined ? undefined : identityTokens(keys, tenant, [{ value, authority, type: 'MR' }])[0]));
  const known = new Map((await db.query<{ token: string; patient_id: string }>(
    "select encode(token, 'hex') as token, patient_id from patient_identifier where tenant = $1 and token = any($2::bytea[])", [tenant, [...new Set(tokens)].flatMap((token) => (token === undefined ? [] : Buffer.from(token, 'hex')))]))
    .map(({ token, patient_id }) => [token, patient_id]));
  return rows.map((row, n): Subject => {
    const [value, token] = [values[n], tokens[n]];
    if (value === undefined || token === undefined) return missing;
    const patientId = known.get(token);
    if (patientId !== undefined) return { patientId };
    if (!said.create) return unknown;
    try {
      const id = uuidOf(keys.token(tenant, 'identifier', JSON.stringify(['table-patient', authority, value])));
      const filled = fillTemplate(said.template, row, mapping, id) as Partial<Patient> | undefined; // elements of a Patient, as the mapping says
      const patient: Resource = { ...filled, resourceType: 'Patient', id, identifier: [{ type: { coding: [{ system: systems.identifierType, code: 'MR' }] }, system: authoritySystem(authority), value }] };
      return { patientId: id, patient };
    } catch (error) {
      if (error instanceof CellFault) return { fault: error };
      throw error;
    }
  });
}
