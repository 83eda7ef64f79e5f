import type { Resource } from '@medplum/fhirtypes';
import type { Keys } from '@primum/trust';
import type { SearchIndex, SearchValues } from '../repository/write-versions.ts';
import { compileCollectors, type Collector } from './collectors.ts';
import { createSearchTokens } from './search-tokens.ts';

/**
 * What resources of one tenant are found by. A type is compiled once, at its first resource; coded values, references and
 * their tokens are kept, since few are new.
 */
export function createSearchIndex({ keys }: { keys: Pick<Keys, 'token'> }, tenant: number): SearchIndex {
  const tokensOf = createSearchTokens(keys, tenant);
  const compiled = new Map<string, readonly Collector[]>();
  return {
    extract: (resource: Resource): SearchValues => {
      const type = resource.resourceType;
      let collectors = compiled.get(type);
      if (collectors === undefined) compiled.set(type, collectors = compileCollectors(type, tokensOf));
      const found = { tokens: [] as bigint[], ranges: [] as { param: number; lo: number; hi: number }[], at: null as { lo: number; hi: number } | null };
      for (const collect of collectors) collect(resource, found);
      return { ...found, tokens: [...new Set(found.tokens)] };
    },
  };
}
