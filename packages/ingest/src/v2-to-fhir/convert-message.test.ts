import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseMessage, type Hl7Message } from '@primum/formats';
import { convertMessage, type Conversion } from './convert-message.ts';
import { compilePath } from './element-path.ts';
import { createCoverage } from './field-coverage.ts';
import { loadV2Mappings } from './load-tables.ts';

const tables = await loadV2Mappings();

function parsed(...lines: string[]): Hl7Message {
  const message = parseMessage(lines.join('\r'));
  if (!message.ok) throw new Error(message.problem.code);
  return message.message;
}

const header = 'MSH|^~\\&|LAB|NORTH|EHR|NORTH|20260102030405+0100||ORU^R01^ORU_R01|M1|P|2.5.1';

function convert(...lines: string[]): Conversion {
  return convertMessage(parsed(...lines), tables);
}

function resources(conversion: Conversion, type: string): Record<string, unknown>[] {
  // Reads what was built as plain JSON, as a client would.
  return (conversion.bundle.entry ?? []).map(({ resource }) => resource as unknown as Record<string, unknown>).filter((resource) => resource['resourceType'] === type);
}

describe('convertMessage', () => {
  it('makes a patient of a PID, with what each repetition and subcomponent says', () => {
    const [patient] = resources(convert(header, 'PID|1||12^4^M11^A&1.2.3&ISO^MR~99^^^B^SS||DOE&VAN^JANE^Q^III^DR^^L||19800229|F|||1&Long Lane^Apt 2^Town^ST^123^USA^H||(555)1^PRN^PH|^WPN^Internet^a@b.example'), 'Patient');
    expect(patient).toMatchObject({
      name: [{ family: 'DOE', given: ['JANE', 'Q'], suffix: ['III'], prefix: ['DR'], use: 'official' }],
      gender: 'female', birthDate: '1980-02-29',
      address: [{ line: ['1', 'Long Lane', 'Apt 2'], city: 'Town', state: 'ST', postalCode: '123', country: 'USA', use: 'home' }],
      telecom: [{ value: '(555)1', system: 'phone', use: 'home' }, { value: 'a@b.example', system: 'email', use: 'work' }],
    });
    expect(patient?.['identifier']).toMatchObject([{ value: '12', system: 'urn:oid:1.2.3' }, { value: '99', system: 'urn:primum:v2:namespace:B' }]);
  });

  it.each([
    ['NM', '7.4', { valueQuantity: { value: 7.4, unit: 'mmol/L' } }],
    ['SN', '<^0.3', { valueQuantity: { comparator: '<', value: 0.3 } }],
    ['ST', 'a\\F\\b\\T\\c', { valueString: 'a|b&c' }],
    ['CWE', '260373001^Detected^SCT', { valueCodeableConcept: { coding: [{ code: '260373001', display: 'Detected', system: 'http://snomed.info/sct' }] } }],
    ['DT', '20260102', { valueDateTime: '2026-01-02' }],
  ])('gives a %s result its FHIR type', (type, value, expected) => {
    const [observation] = resources(convert(header, 'PID|1||1^^^A', 'OBR|1|p|f|24323-8^Panel^LN', `OBX|1|${type}|2339-0^Glucose^LN||${value}|mmol/L|||||F`), 'Observation');
    expect(observation).toMatchObject({ status: 'final', ...expected });
  });

  it('keeps each timing of a medicine, with the dose of the order', () => {
    const pharmacy = header.replace('ORU^R01^ORU_R01', 'RDE^O11^RDE_O11');
    const [request] = resources(convert(pharmacy, 'PID|1||1^^^A', 'ORC|NW|p1|||||^BID^D3^20260102^20260105~^QHS^D3^20260105^20260108', 'RXE||MOR^Morphine^L|5||mg^^UCUM|TAB^Tablet^L', 'RXR|PO^Oral^HL70162'), 'MedicationRequest');
    const dosage = (code: string, start: string): object => ({
      timing: { code: { coding: [expect.objectContaining({ code })] }, repeat: { boundsPeriod: expect.objectContaining({ start }) as unknown } },
      doseAndRate: [{ doseQuantity: { value: 5, unit: 'mg' } }], route: { coding: [{ code: 'PO' }] },
    });
    expect(request).toMatchObject({ dosageInstruction: [dosage('BID', '2026-01-02'), dosage('QHS', '2026-01-05')], note: [{ text: 'Dosage form: Tablet' }] });
  });

  it('reads the first timing of an order that can hold one, and says that the next went nowhere', () => {
    const conversion = convert(header, 'PID|1||1^^^A', 'ORC|NW|p1|||||1^BID^^20260102~2^TID^^20260105', 'OBR|1|p1|f1|24323-8^Panel^LN');
    expect(resources(conversion, 'ServiceRequest')[0]).toMatchObject({ quantityQuantity: { value: 1 }, occurrenceTiming: { repeat: { boundsPeriod: { start: '2026-01-02' } } } });
    expect(conversion.trace.find(({ segment, field }) => segment === 'ORC' && field === 7)?.unmapped).toEqual(['1', '2', '4']);
  });

  it('describes the specimen of an older sender, who names it in OBR', () => {
    const [specimen] = resources(convert(header, 'PID|1||1^^^A', `OBR|1|p|f|600-7^Culture^LN|||||5^mL|77^Draw^Ann||||20260102|BLD&Whole blood&HL70487^HEP&Heparin^venous puncture^LA&Left arm&HL70163${'|'.repeat(24)}^first of two`), 'Specimen');
    expect(specimen).toMatchObject({
      subject: { reference: expect.stringMatching(/^urn:uuid:/) as unknown }, type: { coding: [{ code: 'BLD', system: 'http://terminology.hl7.org/CodeSystem/v2-0487' }] }, receivedTime: '2026-01-02', note: [{ text: 'first of two' }],
      container: [{ additiveCodeableConcept: { coding: [{ code: 'HEP' }] } }], collection: { quantity: { value: 5, unit: 'mL' }, method: { text: 'venous puncture' }, bodySite: { coding: [{ code: 'LA', display: 'Left arm' }] } },
    });
  });

  it('writes no number that is none, and says that the field went nowhere', () => {
    const conversion = convert(header, 'PID|1||1^^^A', 'OBX|1|NM|2339-0^Glucose^LN||see note||||||F');
    expect(resources(conversion, 'Observation')[0]).not.toHaveProperty('valueQuantity.value');
    expect(conversion.trace.find(({ segment, field }) => segment === 'OBX' && field === 5)).toMatchObject({ targets: [], unmapped: ['1'] });
  });

  it('turns the null value into a deletion, not into a value', () => {
    const conversion = convert(header, 'PID|1||1^^^A||DOE^JANE||""|F');
    expect(resources(conversion, 'Patient')[0]).not.toHaveProperty('birthDate');
    expect(conversion.deletions.map(({ element, rule }) => `${element} ${rule}`)).toContain('birthDate PID-7');
    expect(conversion.trace.find(({ segment, field }) => segment === 'PID' && field === 7)).toMatchObject({ deletes: true });
  });

  it('reads other encoding characters, and times without an offset in the source\'s', () => {
    const message = parsed('MSH#*!$%#LAB#NORTH###20260102030405##ADT*A01#M2#P#2.5.1', 'PID#1##7***A%1.2%ISO*MR##DOE*JANE', 'PV1#1#I#ICU*1*A#########################################20260102030400');
    const conversion = convertMessage(message, tables, { utcOffsetMinutes: 330 });
    expect(resources(conversion, 'Patient')[0]).toMatchObject({ identifier: [{ value: '7', system: 'urn:oid:1.2' }] });
    expect(resources(conversion, 'Encounter')[0]).toMatchObject({ class: { code: 'IMP' }, period: { start: '2026-01-02T03:04:00+05:30' } });
  });

  it('prior results are the supporting information of the order before, and the next order is one of its own', () => {
    const conversion = convert(
      'MSH|^~\\&|LAB|NORTH|||20260102030405||OML^O21^OML_O21|M3|P|2.5.1', 'PID|1||1^^^A', 'PV1|1|O', 'ORC|NW|P1', 'OBR|1|P1||718-7^Hb^LN', 'PV1|1|O', 'ORC|SC|P0', 'OBR|1|P0||718-7^Hb^LN', 'OBX|1|NM|718-7^Hb^LN||11|g/dL|||||F', 'ORC|NW|P2', 'OBR|1|P2||718-7^Hb^LN');
    const order = (number: string) => conversion.bundle.entry!.find(({ resource }) => resource?.resourceType === 'ServiceRequest' && resource.identifier?.[0]?.value === number)!;
    const of = (entry: { resource?: unknown }): unknown => (entry.resource as { supportingInfo?: unknown }).supportingInfo;
    const observation = conversion.bundle.entry!.find(({ resource }) => resource?.resourceType === 'Observation')!;
    expect(of(order('P1'))).toEqual([{ reference: order('P0').fullUrl }, { reference: observation.fullUrl }]);
    expect([of(order('P0')), of(order('P2'))]).toEqual([undefined, undefined]);
  });

  it('keeps segments that no rule reads as they were sent, with each field in the trace', () => {
    const conversion = convert(header, 'PID|1||1^^^A', 'ZPV|1|x^y|z');
    expect(conversion.unread.map(({ name, fields }) => [name, ...fields.slice(1)])).toEqual([['ZPV', '1', 'x^y', 'z']]);
    expect(conversion.trace.filter(({ segment }) => segment === 'ZPV').map(({ field, targets }) => [field, targets])).toEqual([[1, []], [2, []], [3, []]]);
  });

  it('refers from result to order, report and patient', () => {
    const conversion = convert(header, 'PID|1||1^^^A', 'ORC|RE|p|f', 'OBR|1|p|f|24323-8^Panel^LN', 'OBX|1|NM|2339-0^^LN||5||||||F', 'OBR|2|p2|f2|1-1^Other^LN', 'OBX|1|NM|1-2^^LN||6||||||F');
    const values = new Map((conversion.bundle.entry ?? []).map(({ fullUrl, resource }) => [fullUrl, resource?.resourceType === 'Observation' ? resource.valueQuantity?.value : undefined]));
    const results = (conversion.bundle.entry ?? []).flatMap(({ resource }) => (resource?.resourceType === 'DiagnosticReport' ? [resource.result ?? []] : []));
    expect(results.map((list) => list.map(({ reference }) => values.get(reference)))).toEqual([[5], [6]]);
    expect(resources(conversion, 'ServiceRequest')).toHaveLength(2);
  });

  it.each([
    ['SIU^S12', ['SCH|p^A|f^B|||||ROUTINE^Routine^HL70276||||^^^20260103090000+0100^20260103093000+0100', 'PID|1||1^^^A', 'AIP|1|A|77^SURGEON^ANN'], 'Appointment', { status: 'booked', start: '2026-01-03T09:00:00+01:00', end: '2026-01-03T09:30:00+01:00', participant: [{ status: 'accepted' }, { status: 'accepted' }] }],
    ['SIU^S15', ['SCH|p^A|f^B', 'PID|1||1^^^A'], 'Appointment', { status: 'cancelled' }],
    ['MDM^T02', ['PID|1||1^^^A', 'PV1|1|I', 'TXA|1|DS^Discharge summary|TX|202601020300||||||||doc1^A|||||AU||AV', 'OBX|1|TX|1||a line'], 'DocumentReference', { status: 'current', docStatus: 'final', masterIdentifier: { value: 'doc1' }, content: [{ attachment: { data: 'YSBsaW5l', contentType: 'text/plain; charset=utf-8' } }] }],
    ['VXU^V04', ['PID|1||1^^^A', 'ORC|RE|p|f^B', 'RXA|0|1|20260102||208^COVID-19^CVX|0.3|mL^^UCUM||00^New^NIP001||||||LOT1|20270101||||CP|A', 'RXR|IM^Intramuscular^HL70162'], 'Immunization', { status: 'completed', vaccineCode: { coding: [{ code: '208', system: 'http://hl7.org/fhir/sid/cvx' }] }, doseQuantity: { value: 0.3, code: 'mL', system: 'http://unitsofmeasure.org' }, lotNumber: 'LOT1', identifier: [{ value: 'p' }, { value: 'f' }] }],
    ['RDE^O11', ['PID|1||1^^^A', 'ORC|NW|p|f||||||20260102', 'RXE||1191^Aspirin^RXNORM|100|200|mg^^UCUM|||||30|tab'], 'MedicationRequest', { status: 'active', intent: 'order', medicationCodeableConcept: { coding: [{ code: '1191' }] }, dosageInstruction: [{ doseAndRate: [{ doseRange: { low: { value: 100, code: 'mg' }, high: { value: 200, code: 'mg' } } }] }] }],
    ['ADT^A40', ['PID|1||1^^^A^MR', 'MRG|2^^^A^MR'], 'Linkage', { item: [{ type: 'source', resource: { identifier: { value: '1' } } }, { type: 'historical', resource: { identifier: { value: '2' } } }] }],
  ])('makes of %s what its segments say', (type, lines, resourceType, expected) => {
    expect(resources(convert(header.replace('ORU^R01^ORU_R01', type), ...lines), resourceType)).toMatchObject([expected]);
  });

  it('names the resource where what is deleted is said of it as a whole', () => {
    const { trace } = convert(header, 'IN1||||""|A');
    expect(trace.find(({ segment, field }) => segment === 'IN1' && field === 4)).toMatchObject({ deletes: true, targets: [{ element: 'Organization', rule: 'IN1-4' }] });
  });

  it('counts what a feed loses', () => {
    const { trace } = convert(header, 'PID|1||1^^^A', 'ZPV|1|x', 'ZPV|2|y');
    const coverage = createCoverage();
    coverage.add(trace);
    coverage.add(trace);
    expect(coverage.fields()[0]).toEqual({ segment: 'ZPV', field: 1, valued: 4, dropped: 4, droppedComponents: {} });
  });
});

describe('convertMessage, of anything', () => {
  const names = [...new Set([...tables.segments.values()].map(({ segment }) => segment.slice(0, 3)).filter((name) => name !== 'MSH')), 'ZZZ'];
  const text = fc.string({ unit: fc.constantFrom('A', 'Y', '1', '0', '9', ' ', '^', '~', '&', '"', '\\', 'é', '<', '.'), maxLength: 12 });
  const segment = fc.tuple(fc.constantFrom(...names), fc.array(text, { maxLength: 60 })).map(([name, fields]) => [name, ...fields].join('|'));
  const message = fc.tuple(fc.constantFrom('A01', 'A40', 'A41', 'A45', 'R01', 'O01'), fc.array(segment, { maxLength: 12 }))
    .map(([event, segments]) => parsed(header.replace('ORU^R01', `ADT^${event}`), ...segments));

  it('never throws, has each valued field in the trace exactly once, and every reference leads to an entry', () => {
    fc.assert(fc.property(message, (one) => {
      const { bundle, trace } = convertMessage(one, tables);
      const valued = one.segments.flatMap(({ name, sequence, fields }) => fields.map((value, field) => ({ value, key: `${name} ${sequence} ${field}`, field }))
        .filter(({ value, field }) => value !== '' && field > (name === 'MSH' ? 2 : 0)).map(({ key }) => key));
      expect(trace.map(({ segment: name, sequence, field }) => `${name} ${sequence} ${field}`).sort()).toEqual(valued.sort());
      const urls = new Set((bundle.entry ?? []).map(({ fullUrl }) => fullUrl));
      for (const [, url] of JSON.stringify(bundle).matchAll(/"reference":"([^"]*)"/g)) expect(urls).toContain(url);
      for (const { targets } of trace) for (const { element } of targets) expect(compilePath(element)).toBeDefined();
    }), { numRuns: 300 });
  });

  it('is a function of the message: twice the same', () => {
    fc.assert(fc.property(message, (one) => {
      expect(convertMessage(one, tables)).toEqual(convertMessage(one, tables));
    }), { numRuns: 50 });
  });
});
