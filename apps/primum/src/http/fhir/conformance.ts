import type { CodeSystem, ConceptMap, Resource, StructureDefinition, ValueSet } from '@medplum/fhirtypes';
import {
  contentOf, createBuiltIn, largeSystem, openVersions, systemOfResource, type CodeSystemSource, type TerminologySources, type Validator, type ValueSetContent, type VersionRow,
} from '@primum/record';
import { mintSystemPrincipal, withPhiReader } from '@primum/trust';
import { tenant, type Core } from '../../core.ts';

/** Profiles and terminology of this hospital beside HL7's own: what was stored as resources, and what was loaded from files. */
export type Conformance = {
  sources: TerminologySources;
  /** Codes of a value set that can be listed at once, as `system|code` and `code`. */
  codes(valueSet: string): ReadonlySet<string> | undefined;
  /** Takes in what was stored since; asks the database once a second at most. */
  fresh(): Promise<void>;
};

const types = ['CodeSystem', 'ConceptMap', 'StructureDefinition', 'ValueSet'] as const;
const freshMs = 1_000;
/** Beyond this the newest are left out, which the log says. */
const maxResources = 5_000;
const reader = mintSystemPrincipal('ingest');

export function createConformance(core: Pick<Core, 'db' | 'keys' | 'audit' | 'clock' | 'policy' | 'log'>): Conformance & { useProfiles(validator: Validator): void } {
  const builtIn = createBuiltIn();
  let valueSets = new Map<string, ValueSetContent>();
  let systems = new Map<string, CodeSystemSource>();
  let maps: ConceptMap[] = [];
  let profiles: StructureDefinition[] = [];
  let validator: Validator | undefined;
  let seen = '';
  let lookedAt = -Infinity;
  let looking: Promise<void> | undefined;

  const look = async (): Promise<void> => {
    const rows = await core.db.query<{ type: string; n: number; seq: number }>('select type, count(*) as n, max(seq) as seq from resource_search where tenant = $1 and type = any($2::text[]) group by type order by type', [tenant, types]);
    const now = JSON.stringify(rows);
    if (now !== seen) await take(await stored());
    seen = now;
    lookedAt = performance.now();
  };
  /** They are of nobody; that they were read is on the log all the same. */
  const stored = async (): Promise<Resource[]> => {
    const rows = await core.db.query<VersionRow>(`
      select r.type, r.id, r.version, r.patient_id, r.recorded_at, r.deleted, r.body from resource_search s
      join resource r on r.tenant = s.tenant and r.type = s.type and r.id = s.id and r.version = s.version
      where s.tenant = $1 and s.type = any($2::text[]) and s.patient_id is null order by s.seq limit $3`, [tenant, types, maxResources]);
    if (rows.length === maxResources) core.log.warn('conformance.too-many', { count: rows.length });
    return rows.length === 0 ? [] : withPhiReader(core, { tenant, principal: reader, purpose: 'HOPERAT', action: 'conformance.read', scope: { unassigned: true } }, async (open) => (await openVersions(open, rows)).map(({ resource }) => resource));
  };
  const take = async (resources: readonly Resource[]): Promise<void> => {
    [valueSets, systems, maps, profiles] = [new Map(), new Map(), [], []];
    for (const resource of resources) {
      if (resource.resourceType === 'ValueSet' && resource.url !== undefined) valueSets.set(resource.url, contentOf(resource satisfies ValueSet));
      else if (resource.resourceType === 'CodeSystem' && resource.url !== undefined) {
        const system = systemOfResource(resource satisfies CodeSystem);
        if (system !== undefined) systems.set(resource.url, system);
      } else if (resource.resourceType === 'ConceptMap') maps.push(resource);
      else if (resource.resourceType === 'StructureDefinition') profiles.push(resource);
    }
    offer();
  };
  const offer = (): void => {
    validator?.removeProfiles();
    for (const profile of profiles) validator?.addProfile(profile);
  };
  const valueSet = (url: string): ValueSetContent | undefined => valueSets.get(url) ?? builtIn.valueSet(url);
  return {
    sources: {
      codeSystem: async (url, version) => systems.get(url) ?? builtIn.codeSystem(url) ?? await largeSystem(core.db, tenant, url, version),
      valueSet,
      conceptMaps: () => [...maps, ...builtIn.conceptMaps],
    },
    codes: (canonical) => {
      const content = valueSet(canonical.split('|')[0]!); // split gives one at least
      if (content === undefined || content.exclude.length > 0 || content.include.some(({ codes, valueSets: nested, withheld }) => codes === undefined || nested.length > 0 || withheld === true)) return undefined;
      return new Set(content.include.flatMap(({ system = '', codes = [] }) => codes.flatMap(([code]) => [code, `${system}|${code}`])));
    },
    fresh: async () => {
      if (performance.now() - lookedAt < freshMs) return;
      looking ??= look().finally(() => { looking = undefined; });
      await looking;
    },
    useProfiles: (of) => {
      validator = of;
      offer();
    },
  };
}
