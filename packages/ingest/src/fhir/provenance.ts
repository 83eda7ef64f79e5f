import type { Provenance } from '@medplum/fhirtypes';
import type { MessageReading } from '../reading/message-reading.ts';
import type { Source } from '../sources/source.ts';
import { extensions, systems } from './systems.ts';

/** Which field of the message each element of a resource came from; `PV1[1]-3` is field 3 of the first PV1. */
export type Elements = Readonly<Record<string, string>>;

/** What a message wrote, collected while it is applied. */
export type Trace = {
  targets: { reference: string; elements: Elements }[];
  /** What a reader of the record should know of this message, in words without values. */
  remarks: string[];
};

/**
 * One Provenance per message (one per resource would double the database): its targets are all that the message wrote,
 * and an extension on each target says from which segment and field each of its elements was read. Segments that no table
 * reads (Z-segments) stand on its entity, as they were sent.
 */
export function buildProvenance(message: { id: string; receivedAt: number; reading: MessageReading; source: Source }, trace: Trace, unread: readonly string[] = []): Provenance {
  const { header } = message.reading;
  return {
    resourceType: 'Provenance',
    id: message.id,
    recorded: new Date(message.receivedAt).toISOString(),
    occurredDateTime: new Date(message.reading.messageAt).toISOString(),
    target: trace.targets.map(({ reference, elements }) => ({
      reference,
      extension: [{ url: extensions.hl7v2Elements, valueString: Object.entries(elements).map(([element, from]) => `${element}=${from}`).join('; ') }],
    })),
    activity: { coding: [{ system: systems.dataOperation, code: message.reading.type.event === 'A01' ? 'CREATE' : 'UPDATE' }] },
    agent: [{
      type: { coding: [{ system: systems.provenanceParticipant, code: 'assembler' }] },
      who: { display: `${message.source.application}|${message.source.facility}` },
    }],
    entity: [{
      role: 'source',
      ...(unread.length === 0 ? {} : { extension: unread.map((text) => ({ url: extensions.hl7v2Segment, valueString: text })) }),
      what: {
        identifier: { system: 'urn:primum:hl7v2-message', value: message.id },
        display: `${header.messageCode}^${header.triggerEvent} ${header.controlId}`,
      },
    }],
    ...(trace.remarks.length === 0 ? {} : { reason: trace.remarks.map((text) => ({ text })) }),
  };
}
