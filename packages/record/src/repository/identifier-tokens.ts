import type { Identifier } from '@medplum/fhirtypes';
import type { Keys } from '@primum/trust';

/** How an assigning authority of HL7 v2 stands as a system in FHIR. */
const authoritySystem = 'urn:primum:authority:';
/** Types of identifiers (v2 table 0203) that name a person within their authority; one without a type is taken to. */
const naming = new Set(['', 'MR', 'MRN', 'PI', 'PT', 'PN', 'EN']);

/**
 * The tokens under which a Patient is found by its identifiers, the same that messages of HL7 v2 find it by: a number
 * that came by one door is known at the other.
 */
export function identifiersOf(keys: Pick<Keys, 'token'>, tenant: number, identifiers: readonly Identifier[]): Buffer[] {
  const tokens = identifiers.flatMap(({ system = '', value, type }) => {
    const code = type?.coding?.find((coding) => naming.has(coding.code ?? '-'))?.code;
    if (value === undefined || value === '' || (type?.coding !== undefined && code === undefined)) return [];
    return [keys.token(tenant, 'identifier', JSON.stringify([authorityOf(system), value]))];
  });
  return [...new Map(tokens.map((token) => [token.toString('hex'), token])).values()];
}

/** Tokens (hex) of the numbers that name an Encounter's visit, those of type VN first: the same that messages find its stay by. */
export function visitTokensOf(keys: Pick<Keys, 'token'>, tenant: number, identifiers: readonly Identifier[]): string[] {
  const isVisit = ({ type }: Identifier): boolean => type?.coding?.some(({ code }) => code === 'VN') === true;
  const numbers = identifiers.filter((identifier) => identifier.type?.coding === undefined || isVisit(identifier)).sort((a, b) => Number(isVisit(b)) - Number(isVisit(a)));
  return [...new Set(numbers.flatMap(({ system = '', value = '' }) => (value === '' ? [] : [keys.token(tenant, 'visit', JSON.stringify([authorityOf(system), value])).toString('hex')])))];
}

const authorityOf = (system: string): string => (system.startsWith(authoritySystem) ? decodedAuthority(system.slice(authoritySystem.length)) : system);

/** As `authoritySystem` of the messages' mapping encodes it. */
function decodedAuthority(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
