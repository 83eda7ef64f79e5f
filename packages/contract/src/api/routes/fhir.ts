import { Type } from 'typebox';
import { Int32 } from '../common.ts';
import type { Permission } from '../../roles.ts';
import type { Route } from '../route.ts';

const FhirType = Type.String({ pattern: '^[A-Z][A-Za-z]{1,39}$' });
const ofType = Type.Object({ type: FhirType });
const ofResource = Type.Object({ type: FhirType, id: Type.String({ pattern: '^[A-Za-z0-9.-]{1,64}$' }) });
const ofVersion = Type.Object({ ...ofResource.properties, version: Int32 });
/** What belongs to a patient is written under one, what belongs to nobody under the other. */
const writes: readonly Permission[] = ['record.write', 'record.define'];

/** FHIR R4 REST. Queries, bodies and answers are FHIR's own and validated as such. */
export const fhirRoutes = {
  capabilityStatement: { method: 'GET', path: '/api/fhir/metadata', needs: 'public' },
  transact: { method: 'POST', path: '/api/fhir', needs: [...writes, 'patient.read'], maxBodyBytes: 64 * 1024 * 1024 },
  historyOfAll: { method: 'GET', path: '/api/fhir/_history', needs: 'patient.read' },
  historyOfType: { method: 'GET', path: '/api/fhir/:type/_history', needs: 'patient.read', params: ofType },
  historyOfResource: { method: 'GET', path: '/api/fhir/:type/:id/_history', needs: 'patient.read', params: ofResource },
  readResource: { method: 'GET', path: '/api/fhir/:type/:id', needs: 'patient.read', params: ofResource },
  readVersion: { method: 'GET', path: '/api/fhir/:type/:id/_history/:version', needs: 'patient.read', params: ofVersion },
  searchAll: { method: 'GET', path: '/api/fhir', needs: 'patient.read' },
  /** Values that name somebody stand in a body better than in an address. */
  searchAllByForm: { method: 'POST', path: '/api/fhir/_search', needs: 'patient.read' },
  searchType: { method: 'GET', path: '/api/fhir/:type', needs: 'patient.read', params: ofType },
  searchTypeByForm: { method: 'POST', path: '/api/fhir/:type/_search', needs: 'patient.read', params: ofType },
  searchCompartment: { method: 'GET', path: '/api/fhir/:type/:id/:ofType', needs: 'patient.read', params: Type.Object({ ...ofResource.properties, ofType: FhirType }) },
  /** Operation $everything of Patient, of what the caller may see. */
  patientEverything: { method: 'GET', path: '/api/fhir/Patient/:id/$everything', needs: 'patient.read', params: Type.Object({ id: ofResource.properties.id }) },
  patientEverythingByPost: { method: 'POST', path: '/api/fhir/Patient/:id/$everything', needs: 'patient.read', params: Type.Object({ id: ofResource.properties.id }) },
  createResource: { method: 'POST', path: '/api/fhir/:type', needs: writes, params: ofType, maxBodyBytes: 16 * 1024 * 1024 },
  updateResource: { method: 'PUT', path: '/api/fhir/:type/:id', needs: writes, params: ofResource, maxBodyBytes: 16 * 1024 * 1024 },
  updateMatching: { method: 'PUT', path: '/api/fhir/:type', needs: writes, params: ofType, maxBodyBytes: 16 * 1024 * 1024 },
  patchResource: { method: 'PATCH', path: '/api/fhir/:type/:id', needs: writes, params: ofResource },
  patchMatching: { method: 'PATCH', path: '/api/fhir/:type', needs: writes, params: ofType },
  deleteResource: { method: 'DELETE', path: '/api/fhir/:type/:id', needs: writes, params: ofResource },
  deleteMatching: { method: 'DELETE', path: '/api/fhir/:type', needs: writes, params: ofType },
} as const satisfies Record<string, Route>;
