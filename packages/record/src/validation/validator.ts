import type { StructureDefinition } from '@medplum/fhirtypes';
import { compileShapes } from './compile-shape.ts';
import { enough, limits, report, reportAt, type Run, type ValidationIssue } from './issue.ts';
import { checkProfile } from './profiles/check-profile.ts';
import { readProfile, type Profile } from './profiles/read-profile.ts';
import { readStructure, type Structure } from './structure.ts';

export type Validation = { issues: ValidationIssue[] };
/** `profiles`: canonical URLs beside those that the resource declares. `best`: with FHIR's rules of good practice, as warnings. */
export type ValidateOptions = { profiles?: readonly string[]; best?: boolean };

/** FHIR R4 4.0.1: structure, cardinality, values, choices, bindings, references, invariants; and profiles that were loaded. */
export type Validator = {
  validate(resource: unknown, options?: ValidateOptions): Validation;
  /** Takes a profile into use, in place of one of the same URL. Refused where it can't be; `warnings` say what of it can't be checked. */
  addProfile(definition: StructureDefinition): { warnings: string[] } | { refused: string };
  removeProfiles(): void;
  /** Why a profile can't be taken into use; undefined where it can. */
  refusalOf(definition: StructureDefinition): string | undefined;
};

/** `codes`: of a value set that profiles bind, as `system|code` and `code`; undefined where it can't be listed. */
export type ValidatorDeps = { structure?: Structure; codes?(valueSet: string): ReadonlySet<string> | undefined };

const maxProfiles = 2_000;
const ofFhir = 'http://hl7.org/fhir/StructureDefinition/';

export function createValidator({ structure = readStructure(), codes = () => undefined }: ValidatorDeps = {}): Validator {
  const shapes = compileShapes(structure);
  const profiles = new Map<string, Profile>();
  const deps = { profile: (url: string) => profiles.get(url), codes };

  const asked = (resource: Record<string, unknown>, { profiles: also = [] }: ValidateOptions, run: Run): void => {
    const declared = (resource['meta'] as { profile?: unknown } | undefined)?.profile;
    if (!Array.isArray(declared) && also.length === 0) return;
    for (const canonical of new Set([...(Array.isArray(declared) ? declared as unknown[] : []), ...also])) {
      if (typeof canonical !== 'string') continue; // said already
      const [url = '', version] = canonical.split('|');
      if (url === `${ofFhir}${String(resource['resourceType'])}`) continue;
      const profile = profiles.get(url);
      run.path.push(String(resource['resourceType']));
      if (profile === undefined || (version !== undefined && profile.version !== version)) reportAt(run, 'meta', 'not-found', 'a profile that is not loaded; it was not checked', also.includes(canonical) ? 'error' : 'warning');
      else if (profile.type !== resource['resourceType']) report(run, 'value', 'a profile of another type');
      else checkProfile(deps, profile, resource, run);
      run.path.pop();
    }
  };

  return {
    validate: (resource, options = {}) => {
      const fields = typeof resource === 'object' && resource !== null ? resource as Record<string, unknown> : {};
      const run: Run = { issues: [], path: [], nodes: 0, depth: 0, resource: fields, rootResource: fields, best: options.best === true };
      try {
        shapes.checkResource(resource, run);
        asked(fields, options, run);
      } catch (error) {
        if (error !== enough) throw error;
      }
      return { issues: run.issues.slice(0, limits.issues) };
    },
    addProfile: (definition) => {
      const read = readProfile(structure, definition);
      if ('refused' in read) return read;
      if (profiles.size >= maxProfiles && !profiles.has(read.profile.url)) return { refused: `more than ${maxProfiles} profiles` };
      profiles.set(read.profile.url, read.profile);
      return { warnings: read.warnings };
    },
    removeProfiles: () => { profiles.clear(); },
    refusalOf: (definition) => {
      const read = readProfile(structure, definition);
      return 'refused' in read ? read.refused : undefined;
    },
  };
}
