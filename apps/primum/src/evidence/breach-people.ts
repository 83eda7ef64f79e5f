import type { PatientLine } from '@primum/contract';
import { identityOf } from '@primum/record';
import { readBreach, withPhiReader, type Principal } from '@primum/trust';
import { tenant, type Core } from '../core.ts';

/**
 * Who the affected people are, for the notices that they are due (45 CFR 164.404, GDPR Article 34): the one place where an
 * investigation opens names, for who may account for disclosures, each on the audit log. An erased person stays a pseudonym.
 */
export async function breachPeople(core: Core, principal: Principal, id: string): Promise<PatientLine[]> {
  const { affected } = await readBreach(core, tenant, principal, id);
  const patientIds = affected.map(({ patientId }) => patientId);
  if (patientIds.length === 0) return [];
  return withPhiReader(core, { tenant, principal, purpose: 'HCOMPL', authority: 'disclosure.read', action: 'breach.people-read', scope: { patientIds } }, async (reader) => {
    reader.note({ patientIds, entities: [{ type: 'breach', id }] });
    const identities = await identityOf(core.db, reader, patientIds);
    return patientIds.map((patientId): PatientLine => {
      const identity = identities.get(patientId)?.identity;
      return { patientId, name: identity?.name ?? null, birthDate: identity?.birthDate ?? null, mrn: identity?.mrn ?? null };
    });
  });
}
