import type { UtcOffset } from '@primum/formats';
import type { ValidationPolicy } from '@primum/record';

/** A sender, by MSH-3 and MSH-4, with the site that it belongs to and the mapping that it is read with. */
export type Source = {
  id: number;
  siteId: number;
  application: string;
  facility: string;
  /** Id of a mapping table. */
  mapping: string;
  /** Of times that name no offset: the registered zone's, or the registered minutes. */
  utcOffset: UtcOffset;
  /** What becomes of messages that make resources which are not valid FHIR. */
  validation: ValidationPolicy;
};
