import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseMessage } from '@primum/formats';
import { convertMessage } from './convert-message.ts';
import { loadV2Mappings } from './load-tables.ts';

let own: string;
beforeEach(async () => { own = await mkdtemp(join(tmpdir(), 'v2-mappings-')); });
afterEach(async () => { await rm(own, { recursive: true, force: true }); });

async function write(path: string, content: unknown): Promise<void> {
  await mkdir(join(own, path, '..'), { recursive: true });
  await writeFile(join(own, path), typeof content === 'string' ? content : JSON.stringify(content));
}

async function patientOf(lines: string[]): Promise<Record<string, unknown>> {
  const parsed = parseMessage(['MSH|^~\\&|A|B|||20260102||ADT^A01|1|P|2.5', ...lines].join('\r'));
  if (!parsed.ok) throw new Error(parsed.problem.code);
  const { bundle } = convertMessage(parsed.message, await loadV2Mappings(own));
  // Reads what was built as plain JSON.
  return bundle.entry?.map(({ resource }) => resource as unknown as Record<string, unknown>).find((resource) => resource['resourceType'] === 'Patient') ?? {};
}

describe('loadV2Mappings', () => {
  it('takes a hospital\'s row in the place of ours, drops one, adds one, and leaves the others', async () => {
    await write('segments/pid.json', { rules: [
      { id: 'PID-8', field: '8.1', to: 'Patient.gender', type: 'code', map: 'OwnSex' },
      { id: 'PID-19', drop: true },
      { id: 'PID-2/own', field: '2.1', to: 'Patient.extension[]', at: 'valueString', set: { url: 'urn:own:old-number' } },
    ] });
    await write('concepts/own-sex.json', { map: 'OwnSex', codes: { V: { code: 'female' } } });
    const patient = await patientOf(['PID|1|77|1^^^A||DOE^JANE|||V|||||||||||123-45']);
    expect(patient).toMatchObject({ gender: 'female', name: [{ family: 'DOE' }], extension: [{ url: 'urn:own:old-number', valueString: '77' }] });
    expect(JSON.stringify(patient)).not.toContain('123-45');
  });

  it('adds codes to a concept map of ours', async () => {
    await write('concepts/administrative-sex.json', { codes: { W: { code: 'female' } } });
    expect(await patientOf(['PID|1||1^^^A|||||W'])).toMatchObject({ gender: 'female' });
    expect(await patientOf(['PID|1||1^^^A|||||M'])).toMatchObject({ gender: 'male' });
  });

  it('reads a Z-segment by a file of the hospital\'s own', async () => {
    await write('segments/zpi.json', { segment: 'ZPI', opens: [], rules: [{ id: 'ZPI-1', field: '1', to: 'Patient.extension[]', type: 'CWE', at: 'valueCodeableConcept', set: { url: 'urn:own:tribe' } }] });
    expect(await patientOf(['PID|1||1^^^A', 'ZPI|T1^Name'])).toMatchObject({ extension: [{ url: 'urn:own:tribe', valueCodeableConcept: { coding: [{ code: 'T1', display: 'Name' }] } }] });
  });

  it.each([
    ['a field that is no place', { id: 'X', field: 'PID-3', to: 'Patient.name' }, 'X: field'],
    ['a type that is not there', { id: 'X', field: '3', to: 'Patient.name', type: 'XYZ' }, 'X: no datatype XYZ'],
    ['a concept map that is not there', { id: 'X', field: '3', to: 'Patient.gender', map: 'Nope' }, 'X: no concept map Nope'],
    ['a path that is none', { id: 'X', field: '3', to: 'Patient.name[0]' }, 'X: to'],
    ['a condition that is none', { id: 'X', field: '3', to: 'Patient.name', when: { matches: '.*' } }, 'X: when'],
    ['neither field nor value', { id: 'X', to: 'Patient.name' }, 'X: neither'],
  ])('refuses %s with its place', async (_name, rule, place) => {
    await write('segments/pid.json', { rules: [rule] });
    await expect(loadV2Mappings(own)).rejects.toMatchObject({ code: 'config.invalid', detail: expect.stringContaining(`PID: ${place}`) as string });
  });

  it('refuses a file that is not JSON with its name', async () => {
    await write('segments/pid.json', '{');
    await expect(loadV2Mappings(own)).rejects.toMatchObject({ code: 'config.invalid', detail: expect.stringContaining('segments/pid.json') as string });
  });
});
