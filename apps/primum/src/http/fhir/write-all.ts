import { writeResources, type WriteOperation, type Written } from '@primum/record';
import { tenant, type Core } from '../../core.ts';
import { writeDepsOf, type Fhir } from '../../fhir.ts';
import type { FhirCaller } from './interaction.ts';
import { detachData } from './detach.ts';

/** Writes operations of a caller in one transaction, their large contents among the objects. A result for each operation. */
export async function writeAll({ core, fhir }: { core: Core; fhir: Fhir }, { principal, purpose }: Pick<FhirCaller, 'principal' | 'purpose'>, operations: readonly WriteOperation[]): Promise<Written[]> {
  const detached = await detachData(core, operations);
  try {
    const written = await writeResources(writeDepsOf(core, fhir), { tenant, principal, purpose, ...(detached.contents.length === 0 ? {} : { within: detached.within }) }, detached.operations);
    if (detached.operations.length === operations.length) return written;
    // Binaries that were made on the way are nobody's operation.
    const own = new Set(operations.map((operation) => (operation.kind === 'delete' ? `${operation.type}/${operation.id}` : `${operation.resource.resourceType}/${operation.resource.id}`)));
    return written.filter(({ type, id }) => own.has(`${type}/${id}`));
  } catch (error) {
    await detached.undo();
    throw error;
  }
}
