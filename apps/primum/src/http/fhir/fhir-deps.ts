import type { Resource } from '@medplum/fhirtypes';
import { PrimumError } from '@primum/base';
import { compileView } from '@primum/datasets';
import type { Core } from '../../core.ts';
import type { Fhir } from '../../fhir.ts';
import type { FhirAnswer, FhirCaller } from './interaction.ts';
import { isResourceType } from './known-types.ts';
import { demandValid } from './validate.ts';
import { createReads, type Reads } from './read.ts';
import { createSearches } from './search.ts';

/** What the interactions of FHIR stand on. */
export type FhirDeps = {
  core: Core;
  fhir: Fhir;
  reads: Reads;
  /** Lets a resource pass that is valid; throws FhirIssues where it is not. */
  valid<T extends Resource>(resource: T): Promise<T>;
  /** FHIR ids of what a search finds, three at most: for conditions and conditional references. */
  matching(caller: FhirCaller, type: string, query: string): Promise<string[]>;
  search(caller: FhirCaller, type: string, query: string): Promise<FhirAnswer>;
};

export function createFhirDeps(core: Core, fhir: Fhir): FhirDeps {
  const reads = createReads(core);
  const searches = createSearches(core, reads);
  return {
    core, fhir, reads,
    valid: async (resource) => {
      if (!isResourceType(resource.resourceType)) throw new PrimumError('fhir.invalid', 'resourceType is not one of FHIR R4');
      // Not a type of R4: it is valid where it can be run.
      if (String(resource.resourceType) === 'ViewDefinition') compileView(resource);
      else {
        await fhir.conformance.fresh(resource.resourceType);
        demandValid(fhir, resource);
      }
      // It is its creator's and not part of the record: it has addresses of its own, and no Bundle brings one.
      if (resource.resourceType === 'Subscription') throw new PrimumError('fhir.not-supported', 'a Subscription comes by itself, to /api/fhir/Subscription');
      return resource;
    },
    matching: searches.matching,
    search: (caller, type, query) => searches.search(caller, { type, pairs: [...new URLSearchParams(query)] }),
  };
}
