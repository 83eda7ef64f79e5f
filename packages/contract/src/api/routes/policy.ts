import { Type } from 'typebox';
import { purposes } from '../../roles.ts';
import { OneOf, Uuid } from '../common.ts';
import { EmergencyAccess, EmergencyRequest, LocatedPatient, LocateRequest, patientKindNames, PolicyPage } from '../policy.ts';
import type { Route } from '../route.ts';

/** Who may do what, decided live; the one named escape from it. */
export const policyRoutes = {
  policy: {
    method: 'GET', path: '/api/policy', needs: 'policy.read', response: PolicyPage,
    query: Type.Object({ purpose: Type.Optional(OneOf(purposes)), patient: Type.Optional(OneOf(patientKindNames)) }),
  },
  locatePatient: { method: 'POST', path: '/api/patients/find', needs: 'patient.find', body: LocateRequest, response: Type.Array(LocatedPatient) },
  emergencies: { method: 'GET', path: '/api/emergency-access', needs: 'emergency.access', response: Type.Array(EmergencyAccess) },
  openEmergency: { method: 'POST', path: '/api/emergency-access', needs: 'emergency.access', body: EmergencyRequest, response: EmergencyAccess },
  endEmergency: { method: 'DELETE', path: '/api/emergency-access/:id', needs: 'emergency.access', params: Type.Object({ id: Uuid }) },
} as const satisfies Record<string, Route>;
