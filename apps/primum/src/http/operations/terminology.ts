import type { CodeableConcept, Coding, Parameters, ParametersParameter, Resource, ValueSet } from '@medplum/fhirtypes';
import { PrimumError } from '@primum/base';
import { contentOf, inValueSet, safeUrl, translate, type CodeSystemSource, type Membership, type ValueSetContent } from '@primum/record';
import { textOf } from '../caller.ts';
import { createFhirDeps } from '../fhir/fhir-deps.ts';
import { answered, fhirCaller, resourceOf } from '../fhir/interaction.ts';
import { issueOf } from '../fhir/validate.ts';
import type { HandlerDeps } from '../handler-deps.ts';
import type { Call, Handler } from '../serve-api.ts';

type Operation = 'validateResource' | 'validateStored' | `${'expandValueSet' | 'validateInValueSet' | 'validateInSystem' | 'lookUpCode' | 'translateCode'}${'' | 'ByPost'}`;

const pageOfExpansion = 1_000;

/** FHIR's operations on profiles and terminology (FHIR R4, Resource $validate, ValueSet, CodeSystem, ConceptMap). */
export function terminologyOperations({ core, fhir }: HandlerDeps): Record<Operation, Handler> {
  const deps = createFhirDeps(core, fhir);
  const { conformance, validator } = fhir;
  const { sources } = conformance;
  const asking = (answer: (asked: Asked) => Promise<Resource>): Handler => async (call) => {
    fhirCaller(call);
    await conformance.fresh();
    return answered(call, { status: 200, resource: await answer(askedOf(call)) });
  };
  const validated = async (call: Call, resource: unknown, profile: string | undefined, mode: string | undefined): Promise<unknown> => {
    await conformance.fresh();
    const { resourceType } = (resource ?? {}) as { resourceType?: unknown };
    if (resourceType !== textOf(call.params, 'type')) throw new PrimumError('fhir.invalid', 'resourceType is not that of the address');
    // A deletion of what is there is always valid: nothing here hangs on it (FHIR R4, $validate, mode).
    const { issues } = mode === 'delete' ? { issues: [] } : validator.validate(resource, { ...(profile === undefined ? {} : { profiles: [profile] }), best: true });
    return answered(call, { status: 200, resource: { resourceType: 'OperationOutcome', issue: issues.length === 0 ? [{ severity: 'information', code: 'informational', details: { text: 'valid' } }] : issues.map(issueOf) } });
  };
  const systemOf = async (url: string, version?: string): Promise<CodeSystemSource> => {
    const source = await sources.codeSystem(url, version);
    if (source === undefined) throw new PrimumError('terminology.system-missing', safeUrl(url));
    return source;
  };
  const valueSetOf = (asked: Asked): ValueSetContent => {
    const inline = asked.resource('valueSet');
    if (inline?.resourceType === 'ValueSet') return contentOf(inline satisfies ValueSet);
    const url = asked.text('url') ?? '';
    const found = sources.valueSet(url.split('|')[0]!, url.split('|')[1]); // split gives one at least
    if (found === undefined) throw new PrimumError('terminology.value-set-missing', safeUrl(url));
    return found;
  };

  const expand = asking(async (asked) => {
    const content = valueSetOf(asked);
    const [filter, offset, count] = [asked.text('filter'), asked.whole('offset') ?? 0, asked.whole('count') ?? pageOfExpansion];
    const members = await conformance.expansions.expand(content, filter);
    const contains = members.slice(offset, offset + count).map(({ system, version, code, display }) => ({ system, ...(version === null ? {} : { version }), code, display }));
    return {
      resourceType: 'ValueSet', status: 'active', ...(content.url === '' ? {} : { url: content.url }), ...(content.version === null ? {} : { version: content.version }), ...(content.name === null ? {} : { name: content.name }),
      expansion: { timestamp: core.clock.now().toISOString(), total: members.length, offset, ...(contains.length === 0 ? {} : { contains }) },
    };
  });
  const validateInValueSet = asking(async (asked) => {
    const content = valueSetOf(asked);
    const codings = asked.codings();
    let answer: Membership = { member: false, why: 'not in the value set' };
    for (const { system, code } of codings) {
      answer = await inValueSet(sources, content, { code: code ?? '', ...(system === undefined ? {} : { system }) });
      if (answer.member) break;
    }
    return result(answer.member, answer.member ? { display: answer.display } : { message: answer.why }, asked.text('display') ?? codings[0]?.display);
  });
  const validateInSystem = asking(async (asked) => {
    const [coding] = asked.codings();
    const source = await systemOf(asked.text('url') ?? coding?.system ?? '', asked.text('version'));
    const [concept] = await source.find([coding?.code ?? '']);
    return result(concept !== undefined, concept === undefined ? { message: 'not a code of the system' } : { display: concept.display }, asked.text('display') ?? coding?.display);
  });
  const lookUp = asking(async (asked) => {
    const [coding] = asked.codings();
    const source = await systemOf(asked.text('system') ?? coding?.system ?? '', asked.text('version'));
    const [concept] = await source.find([coding?.code ?? '']);
    if (concept === undefined) throw new PrimumError('terminology.code-missing');
    const children = await source.childrenOf(concept.code);
    const property = (code: string, value: string): ParametersParameter => ({ name: 'property', part: [{ name: 'code', valueCode: code }, { name: 'value', valueCode: value }] });
    return {
      resourceType: 'Parameters', parameter: [
        { name: 'name', valueString: source.name ?? source.url }, ...(source.version === null ? [] : [{ name: 'version', valueString: source.version }]), { name: 'display', valueString: concept.display },
        ...concept.parents.map((parent) => property('parent', parent)), ...children.map((child) => property('child', child)),
      ],
    };
  });
  const translated = asking(async (asked) => {
    const found = asked.codings().flatMap(({ system, code = '' }) => translate(sources.conceptMaps().filter(({ url }) => asked.text('url') === undefined || url === asked.text('url')), {
      code, reverse: asked.text('reverse') === 'true', ...optional('system', system), ...optional('targetSystem', asked.text('targetsystem')), ...optional('source', asked.text('source')), ...optional('target', asked.text('target')),
    }));
    const good = found.some(({ equivalence }) => !['unmatched', 'disjoint'].includes(equivalence));
    return {
      resourceType: 'Parameters', parameter: [
        { name: 'result', valueBoolean: good }, ...(good ? [] : [{ name: 'message', valueString: 'no map says what it is' }]),
        ...found.map(({ equivalence, system, code, display, source }): ParametersParameter => ({ name: 'match', part: [
          { name: 'equivalence', valueCode: equivalence }, { name: 'concept', valueCoding: { ...optional('system', system), code, ...optional('display', display) } }, ...(source === undefined ? [] : [{ name: 'source', valueUri: source }]),
        ] })),
      ],
    };
  });

  return {
    validateResource: async (call) => {
      fhirCaller(call);
      const body = resourceOf(call.body);
      const asked = askedOf(call);
      return validated(call, body.resourceType === 'Parameters' && textOf(call.params, 'type') !== 'Parameters' ? asked.resource('resource') : body, asked.text('profile'), asked.text('mode'));
    },
    validateStored: async (call) => {
      const caller = fhirCaller(call);
      const asked = askedOf(call);
      const sent = call.body === undefined || call.body === null ? undefined : resourceOf(call.body).resourceType === 'Parameters' ? asked.resource('resource') : resourceOf(call.body);
      const resource = sent ?? (await deps.reads.read(caller, { type: textOf(call.params, 'type'), id: textOf(call.params, 'id') })).resource;
      return validated(call, resource, asked.text('profile'), asked.text('mode'));
    },
    expandValueSet: expand, expandValueSetByPost: expand,
    validateInValueSet, validateInValueSetByPost: validateInValueSet,
    validateInSystem, validateInSystemByPost: validateInSystem,
    lookUpCode: lookUp, lookUpCodeByPost: lookUp,
    translateCode: translated, translateCodeByPost: translated,
  };
}

const optional = <K extends string>(name: K, value: string | undefined): { [Name in K]?: string } => (value === undefined ? {} : { [name]: value } as { [Name in K]?: string }); // of the one name

/** Parameters of an operation, in the address or the body, by name. */
type Asked = { text(name: string): string | undefined; whole(name: string): number | undefined; resource(name: string): Resource | undefined; codings(): Coding[] };

function askedOf(call: Call): Asked {
  const query = new URLSearchParams(call.request.url.split('?')[1] ?? '');
  const { resourceType, parameter = [] } = (typeof call.body === 'object' && call.body !== null ? call.body : {}) as Partial<Parameters>;
  const said = resourceType === 'Parameters' && Array.isArray(parameter) ? parameter : [];
  const value = (name: string): unknown => {
    const found = said.find((one) => one.name === name);
    return found === undefined ? undefined : Object.entries(found).find(([key]) => key.startsWith('value'))?.[1];
  };
  const text = (name: string): string | undefined => {
    const found = value(name) ?? query.get(name) ?? undefined;
    return typeof found === 'string' || typeof found === 'number' || typeof found === 'boolean' ? String(found) : undefined;
  };
  return {
    text,
    whole: (name) => {
      const found = text(name);
      if (found !== undefined && !/^\d{1,6}$/.test(found)) throw new PrimumError('api.request-invalid', name);
      return found === undefined ? undefined : Number(found);
    },
    resource: (name) => said.find((one) => one.name === name)?.resource,
    codings: () => {
      const [coding, concept] = [value('coding') as Coding | undefined, value('codeableConcept') as CodeableConcept | undefined]; // FHIR's own names for them
      if (concept?.coding !== undefined) return concept.coding.slice(0, 50);
      if (coding !== undefined) return [coding];
      const code = text('code');
      if (code === undefined) throw new PrimumError('api.request-invalid', 'code, coding or codeableConcept');
      const [system, display] = [text('system'), text('display')];
      return [{ code, ...(system === undefined ? {} : { system }), ...(display === undefined ? {} : { display }) }];
    },
  };
}

/** A display that is not the code's own does not make it wrong, but is said. */
function result(member: boolean, { display, message }: { display?: string; message?: string }, said: string | undefined): Parameters {
  const differs = member && said !== undefined && display !== undefined && said.toLowerCase() !== display.toLowerCase();
  const words = differs ? 'the display is another' : message;
  return { resourceType: 'Parameters', parameter: [{ name: 'result', valueBoolean: member }, ...(display === undefined ? [] : [{ name: 'display', valueString: display }]), ...(words === undefined ? [] : [{ name: 'message', valueString: words }])] };
}
