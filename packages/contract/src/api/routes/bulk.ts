import { Type } from 'typebox';
import { Int32, Uuid } from '../common.ts';
import type { Route } from '../route.ts';

const id = Type.String({ pattern: '^[A-Za-z0-9.-]{1,64}$' });
const writes = ['record.write', 'record.define'] as const;
const gibibytes = 1024 ** 3;
const job = Type.Object({ job: Uuid });

/** FHIR Bulk Data, and contents of their own type. */
export const bulkRoutes = {
  createBinary: { method: 'POST', path: '/api/fhir/Binary', needs: writes, maxBodyBytes: 1024 * gibibytes },
  updateBinary: { method: 'PUT', path: '/api/fhir/Binary/:id', needs: writes, params: Type.Object({ id }), maxBodyBytes: 1024 * gibibytes },
  readBinary: { method: 'GET', path: '/api/fhir/Binary/:id', needs: 'patient.read', params: Type.Object({ id }) },
  readBinaryVersion: { method: 'GET', path: '/api/fhir/Binary/:id/_history/:version', needs: 'patient.read', params: Type.Object({ id, version: Int32 }) },
  exportAll: { method: 'GET', path: '/api/fhir/$export', needs: 'record.export' },
  exportPatients: { method: 'GET', path: '/api/fhir/Patient/$export', needs: 'record.export' },
  exportGroup: { method: 'GET', path: '/api/fhir/Group/:id/$export', needs: 'record.export', params: Type.Object({ id }) },
  exportAllByPost: { method: 'POST', path: '/api/fhir/$export', needs: 'record.export' },
  exportPatientsByPost: { method: 'POST', path: '/api/fhir/Patient/$export', needs: 'record.export' },
  importAll: { method: 'POST', path: '/api/fhir/$import', needs: 'record.import' },
  bulkStatus: { method: 'GET', path: '/api/fhir/bulk/:job', needs: ['record.export', 'record.import'], params: job },
  cancelBulk: { method: 'DELETE', path: '/api/fhir/bulk/:job', needs: ['record.export', 'record.import'], params: job },
  bulkFile: { method: 'GET', path: '/api/fhir/bulk/:job/:n', needs: ['record.export', 'record.import'], params: Type.Object({ job: Uuid, n: Int32 }) },
} as const satisfies Record<string, Route>;
