import type { Observation, Resource } from '@medplum/fhirtypes';
import { uuidOf } from '@primum/record';
import type { Keys } from '@primum/trust';
import { systems } from '../fhir/systems.ts';
import { CellFault, instantOfCell, numberOf, textOfCell, wordOf, type Row } from './cells.ts';
import { fillTemplate } from './fill-template.ts';
import type { ObservationRule, TableMapping } from './table-mapping.ts';

/**
 * What a row says, as resources. Their ids are keyed tokens of the mapping's name, the row's key and the rule, so the same
 * row is the same resource whenever it is imported. Throws CellFault.
 */
export function mapRow(keys: Pick<Keys, 'token'>, tenant: number, mapping: TableMapping, row: Row, patientId: string | undefined): Resource[] {
  const identity = (mapping.key ?? mapping.columns).map((column) => textOfCell(row, column, mapping) ?? null);
  return mapping.rules.flatMap((rule, n): Resource[] => {
    const id = uuidOf(keys.token(tenant, 'identifier', JSON.stringify(['table-row', mapping.name, n, patientId ?? null, identity])));
    if (rule.kind === 'observation') {
      const observation = observationOf(rule, row, mapping);
      return observation === undefined ? [] : [{ ...observation, id, ...(patientId === undefined ? {} : { subject: { reference: `Patient/${patientId}` } }) }];
    }
    if (rule.when.some((column) => textOfCell(row, column, mapping) === undefined)) return [];
    const filled = fillTemplate(rule.template, row, mapping, patientId) as Resource; // a template of a resource keeps its resourceType
    return [{ ...filled, id }];
  });
}

function observationOf(rule: ObservationRule, row: Row, mapping: TableMapping): Observation | undefined {
  const value = wordOf(row, rule.value, mapping);
  if (value === undefined) return undefined;
  const code = wordOf(row, rule.code, mapping);
  if (code === undefined) throw new CellFault(typeof rule.code === 'string' ? '' : rule.code.column, 'table.value-missing');
  return {
    resourceType: 'Observation',
    status: 'final',
    ...(rule.category === undefined ? {} : { category: [{ coding: [{ system: systems.observationCategory, code: rule.category }] }] }),
    code: { coding: [{ system: rule.system, code, ...(rule.display === undefined ? {} : { display: rule.display }) }] },
    effectiveDateTime: new Date(instantOfCell(row, rule.time, mapping)).toISOString(),
    ...(rule.valueKind === 'text' ? { valueString: value } : { valueQuantity: quantityOf(rule, value, wordOf(row, rule.unit, mapping) ?? '') }),
  };
}

function quantityOf(rule: ObservationRule, text: string, unit: string): NonNullable<Observation['valueQuantity']> {
  const [, bound, digits] = /^([<>]=?)\s*(.*)$/.exec(text) ?? [];
  return {
    value: numberOf(rule.value.column, digits ?? text),
    ...(bound === undefined ? {} : { comparator: bound as '<' | '<=' | '>' | '>=' }), // what the pattern lets through
    ...(unit === '' ? {} : { unit, system: systems.ucum, code: unit }),
  };
}
