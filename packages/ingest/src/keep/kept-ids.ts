import type { Keys } from '@primum/trust';
import type { IdentifierReading, MessageReading } from '../reading/message-reading.ts';
import { keyOf, visitToken } from '../reading/tokens.ts';
import type { KeptReading } from './kept-reading.ts';

type Keepable = { reading: MessageReading; kept: KeptReading | undefined; facility: string };

/**
 * Under which ids what a message keeps stands, if it is this patient's (`''`: nobody's): by the bundle's URL; `parent URL`
 * the document before it; `visit` its Encounter; `account N a` and `… b` the accounts of merges, as they may be written.
 */
export function keptIds(keys: Pick<Keys, 'token'>, tenant: number, { reading, kept, facility }: Keepable, patientId: string): Map<string, string> {
  const idOf = (type: string, parts: readonly string[], shared = false): string => keyOf(keys, tenant, ['hl7', type, ...(shared ? ['shared'] : [patientId]), ...parts]);
  const ids = new Map<string, string>();
  for (const { url, type, shared, identity, parent } of kept?.resources ?? []) {
    ids.set(url, idOf(type, identity, shared));
    if (parent !== undefined) ids.set(`parent ${url}`, idOf('DocumentReference', parent));
  }
  const token = visitToken(keys, tenant, reading.subjects[0]?.visit?.number);
  if (token !== undefined && !(reading.type.does === 'none' && reading.type.results === 'facts')) ids.set('visit', keyOf(keys, tenant, ['hl7', 'Encounter', patientId, token]));
  const addAccount = (name: string, account: IdentifierReading | undefined): void => {
    if (account === undefined) return;
    for (const [variant, system] of [['a', `urn:primum:v2:namespace:${encodeURIComponent(account.authority)}`], ['b', `facility ${facility}`]] as const) {
      ids.set(`${name} ${variant}`, idOf('Account', ['identifier', JSON.stringify([system, account.value])]));
    }
  };
  if (reading.priors.length > 0) {
    addAccount('account now', reading.subjects[0]?.account);
    for (const [index, { account }] of reading.priors.entries()) addAccount(`account ${index}`, account);
  }
  return ids;
}

/** The type of a resource by its name among a message's ids. */
export function keptTypes(kept: KeptReading | undefined): (name: string) => string {
  const types = new Map((kept?.resources ?? []).map(({ url, type }) => [url, type]));
  return (name) => types.get(name) ?? (name === 'visit' ? 'Encounter' : name.startsWith('parent ') ? 'DocumentReference' : 'Account');
}
