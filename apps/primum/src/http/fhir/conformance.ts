import type { CodeSystem, ConceptMap, Resource, StructureDefinition, ValueSet } from '@medplum/fhirtypes';
import {
  contentOf, createBuiltIn, createExpansions, largeSystem, listedCodes, openVersions, systemOfResource, type CodeSystemSource, type Expansions, type TerminologySources, type Validator, type ValueSetContent, type VersionRow,
} from '@primum/record';
import { mintSystemPrincipal, withPhiReader } from '@primum/trust';
import { tenant, type Core } from '../../core.ts';

/** Profiles and terminology of this hospital beside HL7's own: what was stored as resources, and what was loaded from files. */
export type Conformance = {
  sources: TerminologySources;
  expansions: Pick<Expansions, 'expand'>;
  /** Codes of a value set that can be listed at once, as `system|code` and `code`. */
  codes(valueSet: string): ReadonlySet<string> | undefined;
  /**
   * Takes in what was stored since; asks the database once a second at most, and each time just after this process wrote
   * some of it. `writing`: the type of what is about to be written.
   */
  fresh(writing?: string): Promise<void>;
};

const types = ['CodeSystem', 'ConceptMap', 'StructureDefinition', 'ValueSet'] as const;
const freshMs = 1_000;
/** As long as a write of ours may take until it is committed. */
const settlingMs = 5_000;
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
  let settling = -Infinity;
  const listed = new Map<string, ReadonlySet<string> | undefined>();
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
    listed.clear();
    expansions.clear();
    offer();
  };
  const offer = (): void => {
    validator?.removeProfiles();
    for (const profile of profiles) validator?.addProfile(profile);
  };
  const valueSet = (url: string): ValueSetContent | undefined => valueSets.get(url) ?? builtIn.valueSet(url);
  const sources: TerminologySources = {
    codeSystem: async (url, version) => systems.get(url) ?? builtIn.codeSystem(url) ?? await largeSystem(core.db, tenant, url, version),
    valueSet,
    conceptMaps: () => [...maps, ...builtIn.conceptMaps],
  };
  const expansions = createExpansions(sources, () => core.clock.now().getTime());
  return {
    sources, expansions,
    codes: (canonical) => {
      // Value sets that profiles bind: as many as there are.
      if (!listed.has(canonical)) listed.set(canonical, listedCodes({ codeSystem: (url) => systems.get(url) ?? builtIn.codeSystem(url), valueSet }, canonical));
      return listed.get(canonical);
    },
    fresh: async (writing) => {
      const now = performance.now();
      if (now - lookedAt >= freshMs || now < settling) {
        looking ??= look().finally(() => { looking = undefined; });
        await looking;
      }
      if (writing !== undefined && types.some((type) => type === writing)) settling = now + settlingMs;
    },
    useProfiles: (of) => {
      validator = of;
      offer();
    },
  };
}
