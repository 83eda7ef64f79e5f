/** ERL of a field (HL7 2.5.1, section 2.A.28): `OBX^3^11`. */
export function locationOf(segment: string, sequence: number, field: number): string {
  return `${segment}^${sequence}^${field}`;
}
