import { canonicalJson } from '@primum/base';
import type { Sql } from '@primum/store';
import { withPhiReader, type PhiReader, type PhiReaderDeps } from '../access/phi-reader.ts';
import { mintSystemPrincipal } from '../access/principal.ts';
import { blindToken } from '../keys/blind-token.ts';
import type { Keys } from '../keys/keys.ts';

/** Surnames and addresses (street, postcode and town in one text) as the record has them. */
export type Household = { patientId: string; version: number; surnames: readonly string[]; addresses: readonly string[] };

/** How trust is told who lives where; whoever owns the record hands it in. */
export type Households = {
  /** The present version of each patient's Patient resource. */
  versionsOf(sql: Sql, tenant: number, patientIds: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** Opens them. A patient whose content was erased is left out. */
  read(sql: Sql, reader: PhiReader, patientIds: readonly string[]): Promise<readonly Household[]>;
};

const maxPerPatient = 8;

/**
 * Brings the keyed tokens of these patients up to date: a Patient resource is opened once a version, by the system
 * principal `trust`, and that is on the audit log. The tokens are HMACs under a key of their own, so who holds the
 * database alone learns which of the patients that staff looked at share a surname or an address, and no more.
 */
export async function refreshHouseholds(deps: PhiReaderDeps & { households: Households }, tx: Sql, tenant: number, patientIds: readonly string[]): Promise<void> {
  const { keys, households } = deps;
  if (patientIds.length === 0) return;
  const versions = await households.versionsOf(tx, tenant, patientIds);
  const known = await tx.query<{ patient_id: string; version: number }>(
    'select patient_id, version from patient_household where tenant = $1 and patient_id = any($2::uuid[])', [tenant, patientIds],
  );
  const held = new Map(known.map(({ patient_id, version }) => [patient_id, version]));
  const stale = [...versions].filter(([patientId, version]) => held.get(patientId) !== version).map(([patientId]) => patientId);
  if (stale.length === 0) return;
  const request = { tenant, principal: mintSystemPrincipal('trust'), purpose: 'HCOMPL', action: 'household.read', scope: { patientIds: stale } } as const;
  // In this transaction: one that waits for another connection while it holds its locks can wait for ever.
  const read = await withPhiReader({ ...deps, db: tx }, request, (reader) => households.read(tx, reader, stale));
  for (const { patientId, version, surnames, addresses } of read) {
    await tx.query(
      `insert into patient_household (tenant, patient_id, version, surname_tokens, address_tokens) values ($1, $2, $3, $4, $5)
       on conflict (tenant, patient_id) do update set version = excluded.version, surname_tokens = excluded.surname_tokens, address_tokens = excluded.address_tokens`,
      [tenant, patientId, version, tokens(keys, tenant, 'surname', surnames), tokens(keys, tenant, 'address', addresses)],
    );
  }
}

function tokens(keys: Keys, tenant: number, what: 'surname' | 'address', texts: readonly string[]): Buffer[] {
  const normalised = new Set(texts.map(normalise).filter((text) => text.length > 1));
  return [...normalised].slice(0, maxPerPatient).map((text) => blindToken(keys, tenant, 'household', canonicalJson([what, text])));
}

/** The token of a member of staff's surname, where no record of their own tells it: the last word of their name. */
export function surnameTokenOf(keys: Keys, tenant: number, displayName: string): Buffer[] {
  return tokens(keys, tenant, 'surname', [displayName.trim().split(/\s+/).at(-1) ?? '']);
}

/** Letters and digits only, without case and accents: "Müller-Lüdenscheid" and "MUELLER" stay different, "Müller" and "muller" do not. */
function normalise(text: string): string {
  return text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().replace(/[^\p{L}\p{N}]+/gu, ' ').trim();
}
