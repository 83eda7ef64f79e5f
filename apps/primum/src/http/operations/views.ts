import { Readable } from 'node:stream';
import type { Parameters } from '@medplum/fhirtypes';
import { PrimumError } from '@primum/base';
import { compileView, viewFormats, viewMediaTypes, writeRows, type ViewFormat } from '@primum/datasets';
import { patientReferenced, readResource, rowIdOf } from '@primum/record';
import { withPhiReader } from '@primum/trust';
import { tenant } from '../../core.ts';
import { isKept, keepView, releaseView } from '../../views/kept-views.ts';
import { runView, type ViewRun } from '../../views/run-view.ts';
import { optionalText, readerOf, textOf } from '../caller.ts';
import { fhirCaller, resourceOf, type FhirCaller } from '../fhir/interaction.ts';
import { createReads } from '../fhir/read.ts';
import type { HandlerDeps } from '../handler-deps.ts';
import type { Call, Handler } from '../serve-api.ts';

type Asked = Pick<ViewRun, 'patientId' | 'since' | 'limit'> & { format: ViewFormat };

const mostRows = 100_000_000;

/** SQL on FHIR v2, the operation `$run` of a ViewDefinition; and keeping a view's rows up to date. */
export function viewsOperations({ core }: HandlerDeps): Record<'runView' | 'runSentView' | 'keepView' | 'releaseView', Handler> {
  const reads = createReads(core);
  const stored = async (caller: FhirCaller, id: string): Promise<{ resource: object; version: number; rowId: string }> => {
    const { resource, version = 0 } = await reads.read(caller, { type: 'ViewDefinition', id });
    return { resource: resource as object, version, rowId: rowIdOf(core.keys, tenant, 'ViewDefinition', id) }; // a read answers a resource
  };
  const sent = async (call: Call, caller: FhirCaller, definition: object, asked: Asked, from?: { rowId: string; version: number }): Promise<Readable> => {
    const view = compileView(definition);
    const sees = reads.demandType(caller.purpose, view.resource);
    const kept = from !== undefined && sees === 'whole' && await isKept(core.db, from.rowId, from.version) ? { keptAs: from.rowId } : {};
    const { format, ...rest } = asked;
    const chunks = writeRows(format, view, runView(core, reads, caller, { view, ...rest, ...kept }));
    // What is refused or can't be read is said before the answer begins.
    const first = await chunks.next();
    void call.reply.type(viewMediaTypes[format]);
    return Readable.from((async function* () {
      if (first.done !== true) yield first.value;
      yield* chunks;
    })());
  };
  const ofStored = async (call: Call): Promise<{ id: string; caller: FhirCaller }> => ({ id: textOf(call.params, 'id'), caller: callerFor(call) });
  return {
    runView: async (call) => {
      const { id, caller } = await ofStored(call);
      const definition = await stored(caller, id);
      return sent(call, caller, definition.resource, asked(call, core.keys, (name) => optionalText(call.query, name)), definition);
    },
    runSentView: async (call) => {
      const caller = callerFor(call);
      const body = resourceOf(call.body) as unknown as Parameters; // or a ViewDefinition, told apart here
      const parameters = body.resourceType === 'Parameters' ? body.parameter ?? [] : [];
      const value = (name: string): unknown => {
        const found = parameters.find((one) => one.name === name) as Record<string, unknown> | undefined; // its value's element is named by its type
        return found === undefined ? undefined : Object.entries(found).find(([key]) => key.startsWith('value'))?.[1];
      };
      const definition = body.resourceType === 'Parameters' ? parameters.find(({ name }) => name === 'viewResource')?.resource : body;
      if (definition === undefined) throw new PrimumError('view.invalid', 'viewResource is missing');
      return sent(call, caller, definition, asked(call, core.keys, (name) => {
        const said = value(name);
        const text = typeof said === 'object' && said !== null ? (said as { reference?: unknown }).reference : said;
        return typeof text === 'string' || typeof text === 'number' ? String(text) : optionalText(call.query, name);
      }));
    },
    keepView: async (call) => {
      const { id, caller } = await ofStored(call);
      const rowId = rowIdOf(core.keys, tenant, 'ViewDefinition', id);
      // Who defines what belongs to nobody need not be somebody who reads patients.
      const { resource, version } = await withPhiReader(core, { tenant, principal: caller.principal, purpose: caller.purpose, action: 'resource.read', authority: 'record.define', scope: { unassigned: true }, resourceType: 'ViewDefinition' },
        (reader) => readResource(core.db, reader, { type: 'ViewDefinition', id: rowId }));
      const { resource: type } = compileView(resource);
      await core.db.transaction(async (tx) => {
        await keepView(tx, { id: rowId, version, type });
        await core.audit.write(tx, [{ tenant, principal: readerOf(call), purpose: call.purpose, action: 'view.kept', outcome: 'success', at: core.clock.now(), entities: [{ type: 'ViewDefinition', id: rowId }] }]);
      });
      return { resourceType: 'OperationOutcome', issue: [{ severity: 'information', code: 'informational', details: { text: 'its rows are kept up to date from now on' } }] };
    },
    releaseView: async (call) => {
      const rowId = rowIdOf(core.keys, tenant, 'ViewDefinition', textOf(call.params, 'id'));
      await core.db.transaction(async (tx) => {
        if (!await releaseView(tx, rowId)) throw new PrimumError('record.not-found', 'a view that is kept');
        await core.audit.write(tx, [{ tenant, principal: readerOf(call), purpose: call.purpose, action: 'view.released', outcome: 'success', at: core.clock.now(), entities: [{ type: 'ViewDefinition', id: rowId }] }]);
      });
      return { resourceType: 'OperationOutcome', issue: [{ severity: 'information', code: 'informational', details: { text: 'its rows are made anew when they are asked for' } }] };
    },
  };
}

/** The answer's format is the view's to say, so what `Accept` says of JSON is not asked. */
const callerFor = (call: Call): FhirCaller => fhirCaller({ ...call, request: Object.assign(Object.create(call.request) as Call['request'], { headers: { ...call.request.headers, accept: '*/*' }, query: {} }) });

function asked(call: Call, keys: HandlerDeps['core']['keys'], value: (name: string) => string | undefined): Asked {
  const [said = formatOf(call.request.headers.accept), patient, since, limit] = [value('_format'), value('patient'), value('_since'), value('_limit')];
  const format = viewFormats.find((one) => one === said.split(/[;/]/).at(-1)?.replace('x-', '').replace('vnd.apache.', ''));
  if (format === undefined) throw new PrimumError('api.not-acceptable', `one of ${viewFormats.join(', ')}`);
  const at = since === undefined ? undefined : new Date(since);
  const patientId = patient === undefined ? undefined : patientReferenced(patient.includes('/') ? patient : `Patient/${patient}`);
  if (Number.isNaN(at?.getTime()) || patientId === null || (limit !== undefined && !/^[1-9]\d{0,8}$/.test(limit))) throw new PrimumError('api.request-invalid', 'patient, _since or _limit');
  return {
    format, ...(patientId === undefined ? {} : { patientId: rowIdOf(keys, tenant, 'Patient', patientId) }), ...(at === undefined ? {} : { since: at }), ...(limit === undefined ? {} : { limit: Math.min(Number(limit), mostRows) }),
  };
}

function formatOf(accept: string | undefined): string {
  if (accept?.includes('csv') === true) return 'csv';
  return accept?.includes('parquet') === true ? 'parquet' : 'ndjson';
}
