import type { CapabilityStatement, CapabilityStatementRestResource } from '@medplum/fhirtypes';
import { routes, type RouteName } from '@primum/contract';
import { subscriptionTopics } from '@primum/record';
import { version } from '../../version.ts';
import { resourceTypes, searchParametersOf } from './known-types.ts';

type Interaction = NonNullable<CapabilityStatementRestResource['interaction']>[number]['code'];

/** Which interaction each route is; what has no route is not claimed. */
const interactions: Partial<Record<RouteName, Interaction>> = {
  readResource: 'read', readVersion: 'vread', updateResource: 'update', patchResource: 'patch', deleteResource: 'delete', historyOfResource: 'history-instance', historyOfType: 'history-type', createResource: 'create',
};

/** What this server does, made from its routes and search parameters (FHIR R4, CapabilityStatement). */
export function capabilityStatement(base: string): CapabilityStatement {
  const has = (name: string): boolean => Object.hasOwn(routes, name);
  const served = Object.entries(interactions).filter(([name]) => has(name)).map(([, code]) => ({ code }));
  const searches = has('searchType');
  const operations = Object.values(routes).flatMap(({ path }) => {
    const [, of, name] = /^\/api\/fhir\/(?:(:type|[A-Z][A-Za-z]+)(?:\/:id)?\/)?\$([a-z-]+)$/.exec(path) ?? [];
    return name === undefined ? [] : [{ of: of === undefined || of === ':type' ? null : of, name }];
  });
  const named = (of: string | null): { name: string; definition: string }[] => [...new Set(operations.filter((one) => one.of === of).map(({ name }) => name))]
    .map((name) => ({ name, definition: definitions[name] ?? `http://hl7.org/fhir/OperationDefinition/${of ?? 'Resource'}-${name}` }));
  return {
    resourceType: 'CapabilityStatement', status: 'active', date: '2026-11-25', kind: 'instance', fhirVersion: '4.0.1', format: ['application/fhir+json', 'json'], patchFormat: ['application/json-patch+json'],
    software: { name: 'Primum', version }, implementation: { description: 'Primum', url: base },
    rest: [{
      mode: 'server',
      security: {
        cors: true,
        service: [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/restful-security-service', code: 'SMART-on-FHIR' }] }],
        description: 'SMART App Launch 2.2: see .well-known/smart-configuration. Each request is decided by role, care relationship, purpose of use (header x-purpose-of-use) and objections.',
      },
      resource: resourceTypes().map((type) => (type === 'Subscription' ? subscriptions(named(type)) : {
        type, interaction: [...served, ...(searches ? [{ code: 'search-type' as const }] : [])], versioning: 'versioned-update', readHistory: true, updateCreate: true,
        conditionalCreate: searches, conditionalRead: 'not-match', conditionalUpdate: searches, conditionalDelete: searches ? 'single' : 'not-supported', referencePolicy: ['literal', 'local'],
        ...searchParametersOf(type),
        ...(named(type).length === 0 ? {} : { operation: named(type) }),
      })),
      interaction: [...(has('transact') ? [{ code: 'transaction' as const }, { code: 'batch' as const }] : []), ...(has('historyOfAll') ? [{ code: 'history-system' as const }] : []), ...(has('searchAll') ? [{ code: 'search-system' as const }] : [])],
      operation: named(null),
    }],
  };
}

/** Subscriptions are their creator's: no history, no search but by id and status; what can be subscribed to stands in the extension of the R5 Backport. */
function subscriptions(operation: { name: string; definition: string }[]): CapabilityStatementRestResource {
  return {
    type: 'Subscription', supportedProfile: ['http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-subscription'],
    extension: subscriptionTopics().map(({ url }) => ({ url: 'http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/capabilitystatement-subscriptiontopic-canonical', valueCanonical: url })),
    interaction: (['read', 'create', 'update', 'delete', 'search-type'] as const).map((code) => ({ code })), versioning: 'versioned-update', readHistory: false, updateCreate: false,
    searchParam: [{ name: '_id', type: 'token' }, { name: 'status', type: 'token' }], operation,
  };
}

const subscriptionOperations = 'http://hl7.org/fhir/uv/subscriptions-backport/OperationDefinition/backport-subscription-';
const definitions: Readonly<Record<string, string>> = {
  status: `${subscriptionOperations}status`, events: `${subscriptionOperations}events`, 'get-ws-binding-token': `${subscriptionOperations}get-ws-binding-token`,
  export: 'http://hl7.org/fhir/uv/bulkdata/OperationDefinition/export', 'patient-export': 'http://hl7.org/fhir/uv/bulkdata/OperationDefinition/patient-export',
};
