/**
 * Epoch milliseconds of an ISO 8601 time; NaN where it is none. FHIR allows the second 60 (R4, section 2.24.0.1,
 * dateTime), which Date.parse does not know: it is the first of the next minute.
 */
export function epochOf(text: string): number {
  return text.startsWith('60', 17) ? Date.parse(`${text.slice(0, 17)}59${text.slice(19)}`) + 1_000 : Date.parse(text);
}
