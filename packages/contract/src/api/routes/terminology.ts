import { Type } from 'typebox';
import type { Permission } from '../../roles.ts';
import type { Route } from '../route.ts';

const id = Type.String({ pattern: '^[A-Za-z0-9.-]{1,64}$' });
const type = Type.String({ pattern: '^[A-Z][A-Za-z]{1,39}$' });
const asks: readonly Permission[] = ['record.write', 'record.define', 'patient.read'];
const longest = 16 * 1024 * 1024;

/** Validation and terminology operations of FHIR. Terminology is nobody's data, so that any session will do. */
export const terminologyRoutes = {
  validateResource: { method: 'POST', path: '/api/fhir/:type/$validate', needs: asks, params: Type.Object({ type }), maxBodyBytes: longest },
  validateStored: { method: 'POST', path: '/api/fhir/:type/:id/$validate', needs: 'patient.read', params: Type.Object({ type, id }), maxBodyBytes: longest },
  expandValueSet: { method: 'GET', path: '/api/fhir/ValueSet/$expand', needs: 'session' },
  expandValueSetByPost: { method: 'POST', path: '/api/fhir/ValueSet/$expand', needs: 'session', maxBodyBytes: longest },
  validateInValueSet: { method: 'GET', path: '/api/fhir/ValueSet/$validate-code', needs: 'session' },
  validateInValueSetByPost: { method: 'POST', path: '/api/fhir/ValueSet/$validate-code', needs: 'session', maxBodyBytes: longest },
  validateInSystem: { method: 'GET', path: '/api/fhir/CodeSystem/$validate-code', needs: 'session' },
  validateInSystemByPost: { method: 'POST', path: '/api/fhir/CodeSystem/$validate-code', needs: 'session', maxBodyBytes: longest },
  lookUpCode: { method: 'GET', path: '/api/fhir/CodeSystem/$lookup', needs: 'session' },
  lookUpCodeByPost: { method: 'POST', path: '/api/fhir/CodeSystem/$lookup', needs: 'session', maxBodyBytes: longest },
  translateCode: { method: 'GET', path: '/api/fhir/ConceptMap/$translate', needs: 'session' },
  translateCodeByPost: { method: 'POST', path: '/api/fhir/ConceptMap/$translate', needs: 'session', maxBodyBytes: longest },
} as const satisfies Record<string, Route>;
