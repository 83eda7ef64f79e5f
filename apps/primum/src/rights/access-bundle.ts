import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { AuditEvent, Resource } from '@medplum/fhirtypes';
import { uuidv7 } from '@primum/base';
import { patientGroup, patientGroups, recordCopy } from '@primum/record';
import { predictionCopy } from '@primum/serving';
import { accountOfDisclosures, withPhiReader, type PhiReader, type UserPrincipal } from '@primum/trust';
import { tenant, type Core } from '../core.ts';

export type BundleFormat = 'json' | 'ndjson';

const contentTypes: Readonly<Record<BundleFormat, string>> = { json: 'application/fhir+json', ndjson: 'application/fhir+ndjson' };

/**
 * The copy of everything that is kept of a person, for that person (GDPR Articles 15 and 20, 45 CFR 164.524), with what
 * models said of them and to whom data were disclosed (GDPR Article 15(1)(c), 45 CFR 164.528): a FHIR R4
 * Bundle of type collection, or one resource a line. Streamed, so that a long record needs no memory. That it was asked
 * for is on the audit log before the first byte leaves, what it held when the last one has.
 */
export async function sendAccessBundle(core: Core, principal: UserPrincipal, patientId: string, format: BundleFormat, response: ServerResponse): Promise<void> {
  const { rootId, memberIds } = await patientGroup(core.db, tenant, patientId);
  const request = { tenant, principal, purpose: 'PATRQT', authority: 'rights.manage', scope: { patientIds: memberIds } } as const;
  await withPhiReader(core, { ...request, action: 'access-copy.asked' }, async () => undefined);
  await withPhiReader(core, { ...request, action: 'access-copy.read' }, async (reader) => {
    reader.note({ entities: [{ type: 'Patient', id: rootId }] });
    response.writeHead(200, {
      'content-type': contentTypes[format], 'content-disposition': `attachment; filename="access-copy-${rootId}.${format}"`, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff',
    });
    const write = async (text: string): Promise<void> => {
      if (response.destroyed) throw new Error('the reader has gone');
      if (!response.write(text)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
    };
    let first = true;
    if (format === 'json') await write(`{"resourceType":"Bundle","type":"collection","timestamp":"${core.clock.now().toISOString()}","entry":[`);
    for await (const resource of everything(core, reader, principal, memberIds)) {
      const json = JSON.stringify(resource);
      await write(format === 'ndjson' ? `${json}\n` : `${first ? '' : ','}{"fullUrl":"urn:uuid:${resource.id ?? ''}","resource":${json}}`);
      first = false;
    }
    if (format === 'json') await write(']}');
  });
  response.end();
}

async function* everything(core: Core, reader: PhiReader, principal: UserPrincipal, memberIds: readonly string[]): AsyncGenerator<Resource> {
  yield* recordCopy(core.db, reader, memberIds);
  yield* predictionCopy(core.db, reader, memberIds);
  yield* disclosures(core, principal, memberIds[0]!); // a group has a member
}

/** Disclosures of a day, one FHIR R4 AuditEvent each. */
async function* disclosures(core: Core, principal: UserPrincipal, patientId: string): AsyncGenerator<AuditEvent> {
  const { entries } = await accountOfDisclosures({ ...core, groups: patientGroups }, principal, { tenant, patientId, kind: 'disclosures' });
  for (const { firstAt, lastAt, times, who, action, purpose } of entries) {
    yield {
      resourceType: 'AuditEvent', id: uuidv7(firstAt.getTime()),
      type: { system: 'urn:primum:audit-action', code: action },
      period: { start: firstAt.toISOString(), end: lastAt.toISOString() }, recorded: lastAt.toISOString(),
      outcomeDesc: `${times} times`,
      purposeOfEvent: [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActReason', code: purpose }] }],
      agent: [{ requestor: true, who: { display: who } }],
      source: { observer: { display: 'primum' } },
      entity: [{ what: { reference: `Patient/${patientId}` } }],
    };
  }
}
