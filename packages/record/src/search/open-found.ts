import { PrimumError } from '@primum/base';
import type { PhiReader } from '@primum/trust';
import { openVersions, type StoredResource, type VersionRow } from '../resources/read-resource.ts';

/** `rootId`: the survivor of the patient's merges, with whose days a disguise moves dates. */
export type FoundResource = StoredResource & { type: string; rowId: string; patientId: string | null; rootId: string | null };

/** Opens rows; one whose key was destroyed in this moment is left out. */
export async function openFound(reader: PhiReader, rows: readonly (VersionRow & { root_id: string | null })[]): Promise<FoundResource[]> {
  const opened = await Promise.all(rows.map(async (row): Promise<FoundResource[]> => {
    try {
      const [stored] = await openVersions(reader, [row]);
      return [{ ...stored!, type: row.type, rowId: row.id, patientId: row.patient_id, rootId: row.root_id }]; // one for one
    } catch (error) {
      if (error instanceof PrimumError && error.code === 'record.erased') return [];
      throw error;
    }
  }));
  return opened.flat();
}
