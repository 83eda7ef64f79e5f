import { compileView } from '@primum/datasets';
import { describe, expect, it } from 'vitest';
import { runSqlOnFhir } from './suites/sql-on-fhir.ts';
import { sharedData } from './support/available.ts';

describe('a ViewDefinition', () => {
  it.skipIf(sharedData() === undefined)('gives the rows of the public suite, in every case of it', async () => {
    const { total, passed, failures } = await runSqlOnFhir();
    expect(failures).toEqual([]);
    expect(total).toBeGreaterThanOrEqual(134);
    expect(passed).toBe(total);
  });

  it('is refused with the place of its fault, never with the values that it met', () => {
    const select = [{ column: [{ name: 'id', path: 'id' }] }];
    const faults: [unknown, string][] = [
      [{ resource: 'Patient', select: [{ column: [{ name: 'a b', path: 'id' }] }] }, 'select[0].column[0].name'],
      [{ resource: 'Patient', select: [{ forEach: 'name', repeat: ['name'] }] }, 'select[0] has forEach and repeat'],
      [{ resource: 'Patient', select: [...select, ...select] }, 'two columns are named id'],
    ];
    for (const [definition, place] of faults) expect(() => compileView(definition)).toThrow(place);
    const view = compileView({ resource: 'Patient', select: [{ column: [{ name: 'family', path: 'name.family' }] }] });
    const twoNames = { resourceType: 'Patient', name: [{ family: 'Planted' }, { family: 'Other' }] };
    expect(() => view.rows(twoNames)).toThrow(/^(?!.*Planted).*column family has several values/s);
  });

  it('cannot be made to join without end', () => {
    const each = { forEach: 'name', column: [] };
    const view = compileView({ resource: 'Patient', select: [each, each, each, { column: [{ name: 'id', path: 'id' }] }] });
    const patient = { resourceType: 'Patient', id: 'a', name: Array.from({ length: 60 }, (_, i) => ({ family: `F${i}` })) };
    expect(() => view.rows(patient)).toThrow('more than 100000 rows');
  });
});
