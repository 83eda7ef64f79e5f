import type { PhiReader, Principal } from '@primum/trust';

/** Joins and condition under which a reader may see rows of `resource_search`, and the values that these bind. */
export type Visibility = { of(alias: string, narrow: boolean): { join: string; condition: string }; readonly values: readonly unknown[] };

/** What an app that acts for one patient may see of what is no patient's: who, where, what with, and definitions. */
const ofNobody = [
  'ActivityDefinition', 'CodeSystem', 'ConceptMap', 'Device', 'DeviceDefinition', 'Endpoint', 'HealthcareService', 'Library', 'Location', 'Measure', 'Medication', 'MedicationKnowledge',
  'Organization', 'OrganizationAffiliation', 'PlanDefinition', 'Practitioner', 'PractitionerRole', 'Questionnaire', 'Schedule', 'Slot', 'StructureDefinition', 'Substance', 'ValueSet',
];

/** Of what is no patient's, the types that this caller may see; undefined: all. */
export function typesOfNobodyFor(principal: Principal): readonly string[] | undefined {
  return principal.kind === 'user' && principal.via?.patientId !== undefined ? ofNobody : undefined;
}

/** Patients whom a unit may treat now (the view `patient_facts` says it exactly), or an emergency access is open for, with their merged records. */
const treated = (tenant: number): string => `array(select p.id from patient p where p.tenant = ${tenant} and p.root_id in (
  select g.root_id from stay s join patient g on g.tenant = s.tenant and g.id = s.patient_id where s.tenant = ${tenant} and s.status = 'in-progress'
  union select g.root_id from site t join stay s on s.tenant = t.tenant and s.site_id = t.id
    and s.ended_at > coalesce(t.anchor_source_at + (now() - t.anchor_wall_at) * t.clock_rate, now()) - interval '72 hours'
    join patient g on g.tenant = s.tenant and g.id = s.patient_id where t.tenant = ${tenant}
  union select g.root_id from emergency_access a join patient g on g.tenant = a.tenant and g.id = a.patient_id where a.tenant = ${tenant} and a.until > now()))`;

/**
 * Rows of a patient pass by the reader's policy filter; what belongs to no patient by the permission alone. What belongs
 * to several stands without a patient too, so whoever is bound to one patient sees of these only types that name none.
 * The filter asks the facts of each row's patient; where few can pass at all, these are listed first (of a search that
 * leads to few rows by itself, `narrow`, that would be the longer way).
 */
export function visibility(reader: PhiReader): Visibility {
  const values: unknown[] = [];
  const known = new Map<string, { join: string; condition: string }>();
  const bound = reader.principal.kind === 'user' ? reader.principal.via?.patientId : undefined;
  return {
    values,
    of: (alias, narrow) => {
      const made = known.get(alias);
      if (made !== undefined) return made;
      const facts = `f_${alias}`;
      const filter = reader.rowFilter({ alias: facts, from: values.length + 1 });
      values.push(...filter.values);
      const nobodys = `${alias}.patient_id is null${bound === undefined ? '' : ` and ${alias}.type in (${ofNobody.map((type) => `'${type}'`).join(', ')})`}`;
      const few = bound !== undefined ? `array(select id from patient where tenant = ${reader.tenant} and $${values.push(bound)}::uuid in (id, root_id))` : filter.treatedOnly === true && !narrow ? treated(reader.tenant) : undefined;
      const first = few === undefined ? '' : `(${nobodys} or ${alias}.patient_id = any(${few})) and `;
      const place = filter.sql === 'true' ? { join: '', condition: `${first}true` } : {
        join: `left join patient_facts ${facts} on ${facts}.tenant = ${alias}.tenant and ${facts}.patient_id = ${alias}.patient_id`,
        condition: `${first}(${nobodys} or (${filter.sql}))`,
      };
      known.set(alias, place);
      return place;
    },
  };
}
