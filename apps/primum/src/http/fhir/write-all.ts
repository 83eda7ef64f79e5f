import { detachData, discardParts, holdsLarge, insertContent, patientIdOf, rowIdOf, writeResources, type Detached, type WriteOperation, type Written } from '@primum/record';
import type { Sql } from '@primum/store';
import type { Resource } from '@medplum/fhirtypes';
import { tenant, type Core } from '../../core.ts';
import { writeDepsOf, type Fhir } from '../../fhir.ts';
import type { FhirCaller } from './interaction.ts';

/** Writes operations of a caller in one transaction, their large contents among the objects. A result for each operation. */
export async function writeAll({ core, fhir }: { core: Core; fhir: Fhir }, { principal, purpose }: Pick<FhirCaller, 'principal' | 'purpose'>, operations: readonly WriteOperation[]): Promise<Written[]> {
  const contents: Detached<Resource>['contents'] = [];
  const all: WriteOperation[] = [];
  try {
    for (const operation of operations) {
      if (operation.kind === 'delete' || !holdsLarge(operation.resource)) {
        all.push(operation);
        continue;
      }
      const id = patientIdOf(operation.resource);
      const patient = id === null ? null : { id, rowId: rowIdOf(core.keys, tenant, 'Patient', id) };
      if (patient !== null) await core.keys.ensure(tenant, [{ kind: 'patient', patientId: patient.rowId }]);
      const detached = await detachData(core, tenant, operation.resource, patient);
      contents.push(...detached.contents);
      all.push({ ...operation, resource: detached.resource }, ...detached.binaries.map((resource) => ({ kind: 'create' as const, resource })));
    }
    const within = async (tx: Sql, written: readonly Written[]): Promise<void> => {
      for (const { of, content } of contents) {
        const resourceId = rowIdOf(core.keys, tenant, 'Binary', of);
        const version = written.find((one) => one.type === 'Binary' && rowIdOf(core.keys, tenant, 'Binary', one.id) === resourceId)?.version ?? 1;
        await insertContent(tx, tenant, content, { resourceId, version });
      }
    };
    const written = await writeResources(writeDepsOf(core, fhir), { tenant, principal, purpose, ...(contents.length === 0 ? {} : { within }) }, all);
    if (all.length === operations.length) return written;
    // Binaries that were made on the way are nobody's operation.
    const own = new Set(operations.map((operation) => (operation.kind === 'delete' ? `${operation.type}/${operation.id}` : `${operation.resource.resourceType}/${operation.resource.id}`)));
    return written.filter(({ type, id }) => own.has(`${type}/${id}`));
  } catch (error) {
    await discardParts(core.objects, contents.map(({ content }) => content), error);
    throw error;
  }
}
