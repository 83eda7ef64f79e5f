import type { Route } from '../route.ts';

/** Listeners and senders of HL7 v2. */
export const hl7Routes = {} as const satisfies Record<string, Route>;
