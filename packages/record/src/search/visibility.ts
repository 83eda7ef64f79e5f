import type { PhiReader } from '@primum/trust';

/** Joins and condition under which a reader may see rows of `resource_search`, and the values that these bind. */
export type Visibility = { of(alias: string): { join: string; condition: string }; readonly values: readonly unknown[] };

/** What an app that acts for one patient may see of what is no patient's: who, where, what with, and definitions. */
const ofNobody = [
  'ActivityDefinition', 'CodeSystem', 'ConceptMap', 'Device', 'DeviceDefinition', 'Endpoint', 'HealthcareService', 'Library', 'Location', 'Measure', 'Medication', 'MedicationKnowledge',
  'Organization', 'OrganizationAffiliation', 'PlanDefinition', 'Practitioner', 'PractitionerRole', 'Questionnaire', 'Schedule', 'Slot', 'StructureDefinition', 'Substance', 'ValueSet',
];

/**
 * Rows of a patient pass by the reader's policy filter; what belongs to no patient by the permission alone. What belongs
 * to several stands without a patient too, so whoever is bound to one patient sees of these only types that name none.
 */
export function visibility(reader: PhiReader): Visibility {
  const values: unknown[] = [];
  const known = new Map<string, { join: string; condition: string }>();
  const bound = reader.principal.kind === 'user' && reader.principal.via?.patientId !== undefined;
  return {
    values,
    of: (alias) => {
      const made = known.get(alias);
      if (made !== undefined) return made;
      const facts = `f_${alias}`;
      const filter = reader.rowFilter({ alias: facts, from: values.length + 1 });
      values.push(...filter.values);
      const nobodys = `${alias}.patient_id is null${bound ? ` and ${alias}.type in (${ofNobody.map((type) => `'${type}'`).join(', ')})` : ''}`;
      const place = filter.sql === 'true' ? { join: '', condition: bound ? `(${alias}.patient_id is not null or ${nobodys})` : 'true' } : {
        join: `left join patient_facts ${facts} on ${facts}.tenant = ${alias}.tenant and ${facts}.patient_id = ${alias}.patient_id`,
        condition: `(${nobodys} or (${filter.sql}))`,
      };
      known.set(alias, place);
      return place;
    },
  };
}
