import type { OperationOutcome, Resource } from '@medplum/fhirtypes';
import { PrimumError, uuidv7 } from '@primum/base';
import { cloneFhir, holdsLarge, readResource, rowIdOf, type WriteOperation, type Written } from '@primum/record';
import { requirePermission, scopesAllow, withPhiReader } from '@primum/trust';
import { applyPatch, type Operation } from 'rfc6902';
import { tenant } from '../../core.ts';
import type { FhirDeps } from './fhir-deps.ts';
import { resourceOf, type FhirAnswer, type FhirCaller } from './interaction.ts';
import { FhirIssues } from './outcome.ts';
import { writeAll } from './write-all.ts';

const maxPatchOperations = 1_000;
const patchAttempts = 20;

/** Conditions of a write: `If-Match`, `If-None-Exist`. */
export type Conditions = { ifMatch?: number | undefined; ifNoneExist?: string | undefined };

/** FHIR create, update, patch and delete, conditional or not (FHIR R4, section 3.1.0). */
export type Writes = {
  create(caller: FhirCaller, type: string, body: unknown, conditions?: Conditions): Promise<FhirAnswer>;
  update(caller: FhirCaller, type: string, id: string, body: unknown, conditions?: Conditions): Promise<FhirAnswer>;
  updateMatching(caller: FhirCaller, type: string, query: string, body: unknown, conditions?: Conditions): Promise<FhirAnswer>;
  patch(caller: FhirCaller, type: string, id: string, body: unknown, conditions?: Conditions): Promise<FhirAnswer>;
  /** What a patch makes of the version that stands, not written yet. */
  patched(caller: FhirCaller, type: string, id: string, body: unknown, conditions?: Conditions): Promise<{ resource: Resource; version: number }>;
  patchMatching(caller: FhirCaller, type: string, query: string, body: unknown, conditions?: Conditions): Promise<FhirAnswer>;
  remove(caller: FhirCaller, type: string, id: string, conditions?: Conditions): Promise<FhirAnswer>;
  removeMatching(caller: FhirCaller, type: string, query: string): Promise<FhirAnswer>;
};

/** Applies it, or tells that it can't: a path that goes on through a text or a number throws. */
function applies(target: unknown, operation: Operation): boolean {
  try {
    return applyPatch(target, [operation])[0] === null;
  } catch {
    return false;
  }
}

const idPattern = /^[A-Za-z0-9\-.]{1,64}$/;

export function createWrites(deps: FhirDeps): Writes {
  const { core } = deps;
  const write = async (caller: FhirCaller, operation: WriteOperation): Promise<Written> =>
    (await writeAll(deps, caller, [operation]))[0]!; // one result for one operation

  const told = async (caller: FhirCaller, written: Written, resource: Resource): Promise<FhirAnswer> => {
    const { type, id, version, at, outcome: became } = written;
    const status = became === 'created' ? 201 : 200;
    const answer: FhirAnswer = { status, version, at, ...(status === 201 ? { location: `${caller.base}/${type}/${id}/_history/${version}` } : {}) };
    if (caller.prefer.return === 'minimal' || !mayRead(caller, type)) return answer;
    if (caller.prefer.return === 'OperationOutcome') return { ...answer, resource: informed(became) };
    // What is stored is not what was sent: its large contents lie elsewhere now.
    if (holdsLarge(resource)) return { ...answer, resource: (await deps.reads.read(caller, { type, id, version })).resource };
    const shown = await deps.reads.shown(caller, { ...resource, id, meta: { ...resource.meta, versionId: String(version), lastUpdated: at.toISOString() } }, null);
    // A purpose that sees nothing of the type gets no body.
    return shown === null ? answer : { ...answer, resource: shown };
  };

  const one = async (caller: FhirCaller, type: string, query: string): Promise<string | undefined> => {
    const found = await deps.matching(caller, type, query);
    if (found.length > 1) throw new PrimumError('fhir.several-match', type);
    return found[0];
  };

  const writes: Writes = {
    async create(caller, type, body, { ifNoneExist } = {}) {
      const resource = await deps.valid(resourceOf(body, type));
      if (ifNoneExist !== undefined) {
        if (ifNoneExist.trim() === '') throw new PrimumError('fhir.invalid', 'If-None-Exist is empty');
        const standing = await one(caller, type, ifNoneExist);
        if (standing !== undefined) {
          const answer = mayRead(caller, type) ? await deps.reads.read(caller, { type, id: standing }) : { status: 200 };
          return { ...answer, location: `${caller.base}/${type}/${standing}`, ...(caller.prefer.return === 'minimal' ? { resource: undefined } : {}) };
        }
      }
      const made = { ...resource, id: uuidv7() };
      return told(caller, await write(caller, { kind: 'create', resource: made }), made);
    },

    async update(caller, type, id, body, { ifMatch } = {}) {
      const resource = resourceOf(body, type);
      if (resource.id !== id) throw new PrimumError('fhir.invalid', 'id is not that of the address');
      if (!idPattern.test(id)) throw new PrimumError('fhir.invalid', 'id');
      await deps.valid(resource);
      return told(caller, await write(caller, { kind: 'update', resource, ...(ifMatch === undefined ? {} : { ifMatch }) }), resource);
    },

    async updateMatching(caller, type, query, body, conditions = {}) {
      const resource = resourceOf(body, type);
      const found = await one(caller, type, query);
      if (found === undefined && resource.id === undefined) return writes.create(caller, type, resource);
      if (found !== undefined && resource.id !== undefined && resource.id !== found) throw new PrimumError('fhir.invalid', 'the id is not that of what matches');
      const id = found ?? resource.id!; // one of both is there
      return writes.update(caller, type, id, { ...resource, id }, conditions);
    },

    async patched(caller, type, id, body, { ifMatch } = {}) {
      const operations = operationsOf(body);
      const rowId = rowIdOf(core.keys, tenant, type, id);
      const [owner] = await core.db.query<{ patient_id: string | null }>('select patient_id from resource where tenant = $1 and type = $2 and id = $3 order by version desc limit 1', [tenant, type, rowId]);
      if (owner === undefined) throw new PrimumError('record.not-found', type);
      const { principal, purpose } = caller;
      // What is patched is not shown to who may write it only: the reader is of the writer's own authority.
      const asked = { tenant, principal, purpose, action: 'resource.write', authority: owner.patient_id === null ? 'record.define' : 'record.write' } as const;
      await requirePermission(core, { ...asked, ...(owner.patient_id === null ? {} : { patientIds: [owner.patient_id] }) });
      const stored = await withPhiReader(core, { ...asked, scope: owner.patient_id === null ? { unassigned: true } : { patientIds: [owner.patient_id] }, resourceType: type }, (reader) => readResource(core.db, reader, { type, id: rowId }));
      if (stored.deleted) throw new PrimumError('record.deleted', type);
      if (ifMatch !== undefined && ifMatch !== stored.version) throw new PrimumError('record.version-mismatch');
      const patched: unknown = cloneFhir(stored.resource);
      const failed = operations.findIndex((operation) => !applies(patched, operation));
      if (failed !== -1) throw new FhirIssues('fhir.patch-failed', [{ severity: 'error', code: 'processing', details: { text: `operation ${failed} of the patch does not apply` } }]);
      const resource = resourceOf(patched, type);
      if (resource.id !== id) throw new PrimumError('fhir.invalid', 'a patch may not change the id');
      return { resource, version: stored.version };
    },

    async patch(caller, type, id, body, conditions = {}) {
      for (let attempt = 1; ; attempt += 1) {
        const { resource, version } = await writes.patched(caller, type, id, body, conditions);
        await deps.valid(resource);
        try {
          return told(caller, await write(caller, { kind: 'update', resource, ifMatch: version }), resource);
        } catch (error) {
          // Another changed it in this moment. Who named no version means what stands then.
          const overtaken = error instanceof PrimumError && error.code === 'record.version-mismatch' && conditions.ifMatch === undefined;
          if (!overtaken) throw error;
          if (attempt === patchAttempts) throw new PrimumError('record.version-conflict');
        }
      }
    },

    async patchMatching(caller, type, query, body, conditions = {}) {
      const found = await one(caller, type, query);
      if (found === undefined) throw new PrimumError('record.not-found', type);
      return writes.patch(caller, type, found, body, conditions);
    },

    async remove(caller, type, id, { ifMatch } = {}) {
      const written = await write(caller, { kind: 'delete', type, id, ...(ifMatch === undefined ? {} : { ifMatch }) });
      return { status: 204, ...(written.outcome === 'deleted' ? { version: written.version, at: written.at } : {}) };
    },

    async removeMatching(caller, type, query) {
      const found = await one(caller, type, query);
      return found === undefined ? { status: 204 } : writes.remove(caller, type, found);
    },
  };
  return writes;
}

function mayRead({ principal }: FhirCaller, type: string): boolean {
  const scopes = principal.kind === 'client' ? principal.scopes : principal.kind === 'user' ? principal.via?.scopes : undefined;
  return scopes === undefined || scopesAllow(scopes, 'r', type);
}

function informed(became: Written['outcome']): OperationOutcome {
  return { resourceType: 'OperationOutcome', issue: [{ severity: 'information', code: 'informational', details: { text: became } }] };
}

/** JSON Patch (RFC 6902), bounded. */
function operationsOf(body: unknown): Operation[] {
  const known = new Set(['add', 'remove', 'replace', 'move', 'copy', 'test']);
  const isOperation = (one: unknown): one is Operation => typeof one === 'object' && one !== null && known.has(String((one as { op?: unknown }).op)) && typeof (one as { path?: unknown }).path === 'string';
  if (!Array.isArray(body) || body.length > maxPatchOperations || !body.every(isOperation)) throw new PrimumError('fhir.invalid', 'not a JSON Patch');
  return body;
}
