import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCatalogue, roles, routes, shapeErrors, type Role, type Route, type RouteName } from '@primum/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { results, type BenchPatient } from '../bench/support/ward-messages.ts';
import { admittedAt, illPatient, lastSentAt } from './support/ill-patient.ts';
import { ask, bootForTest, signIn, type Asked, type Booted } from './support/booted.ts';

const patient: BenchPatient = { mrn: 'ACC1', visit: 'ACCV1', bed: 'A1', admittedAt };
const stranger: BenchPatient = { mrn: 'ACC2', visit: 'ACCV2', bed: 'A2', admittedAt };

type Ids = { stay: string; prediction: string; alert: string; quarantined: string; patient: string; version: number };
type Row = { path(ids: Ids): string; body?: (ids: Ids) => unknown; may: readonly Role[] | 'anyone' | 'any role'; ok?: number; /** Who may ask and finds nothing, as what is there is a patient's. */ unseen?: readonly Role[] };

const clinician: readonly Role[] = ['clinician'];
const integration: readonly Role[] = ['integration-engineer'];
const security: readonly Role[] = ['security-officer'];
const invented = { id: 'AA', rawId: 'AA', type: 'public-key', response: {}, clientExtensionResults: {} };
const privacy: readonly Role[] = ['privacy-officer'];

/** An Observation that is written, changed and deleted again. */
const written = randomUUID();
const observed = ({ patient: id }: Ids): object => ({ resourceType: 'Observation', status: 'final', code: { text: 'mood' }, subject: { reference: `Patient/${id}` }, valueString: 'calm' });

const binary = randomUUID();
const patientView = { resourceType: 'ViewDefinition', status: 'active', resource: 'Patient', select: [{ column: [{ name: 'id', path: 'getResourceKey()' }] }] };

/**
 * Every route: how it is called, who may, and what it answers to who may (200, where nothing else stands). Written out
 * here and not taken from the roles' table, so that a change of that table shows. Called from the top to the bottom.
 */
const table: Readonly<Record<RouteName, Row>> = {
  signIn: { path: () => '/api/session', body: () => ({ username: `nobody-${randomUUID()}`, password: 'wrong' }), may: 'anyone', ok: 401 },
  getSession: { path: () => '/api/session', may: 'any role' },
  health: { path: () => '/api/health', may: 'anyone' },
  openapi: { path: () => '/api/openapi.json', may: 'anyone' },
  events: { path: () => '/api/events', may: 'any role' },
  worklist: { path: () => '/api/worklist?site=bench', may: clinician },
  stay: { path: ({ stay }) => `/api/stays/${stay}?hours=24`, may: clinician },
  prediction: { path: ({ prediction }) => `/api/predictions/${prediction}`, may: clinician },
  replay: { path: ({ prediction }) => `/api/predictions/${prediction}/replay`, may: clinician },
  acknowledge: { path: ({ alert }) => `/api/alerts/${alert}/acknowledge`, body: ({ version }) => ({ as: 'assessing', version }), may: clinician },
  snooze: { path: ({ alert }) => `/api/alerts/${alert}/snooze`, body: ({ version }) => ({ minutes: 30, version: version + 1 }), may: clinician },
  notices: { path: () => '/api/notices', may: clinician },
  readNotice: { path: () => `/api/notices/${randomUUID()}/read`, may: clinician, ok: 404 },
  feeds: { path: () => '/api/feeds', may: ['integration-engineer', 'ml-engineer'] },
  quality: { path: () => '/api/quality', may: ['integration-engineer', 'ml-engineer'] },
  quarantined: { path: ({ quarantined }) => `/api/quarantine/${quarantined}`, may: integration },
  replayMessage: { path: ({ quarantined }) => `/api/quarantine/${quarantined}/replay`, may: integration },
  audit: { path: () => '/api/audit?limit=20', may: ['privacy-officer', 'security-officer', 'auditor'] },
  auditCheckpoint: { path: () => '/api/audit/checkpoint', may: ['privacy-officer', 'security-officer', 'auditor'] },
  auditProof: { path: () => `/api/audit/proof/${randomUUID()}`, may: ['privacy-officer', 'security-officer', 'auditor'], ok: 404 },
  auditExport: { path: () => '/api/audit/export?format=csv&action=sign-out', may: ['privacy-officer', 'security-officer', 'auditor'] },
  destinations: { path: () => '/api/hl7/destinations', may: ['integration-engineer', 'ml-engineer'] },
  sourceCoverage: { path: () => '/api/hl7/coverage?source=BENCH%7CBENCH', may: integration },
  discardOutgoing: { path: () => `/api/hl7/outgoing/${randomUUID()}/discard`, may: integration, ok: 404 },
  requeueOutgoing: { path: () => `/api/hl7/outgoing/${randomUUID()}/requeue`, may: integration, ok: 404 },
  model: { path: () => '/api/model', may: ['clinician', 'data-scientist', 'ml-engineer', 'privacy-officer', 'security-officer', 'auditor'] },
  capabilityStatement: { path: () => '/api/fhir/metadata', may: 'anyone' },
  createResource: { path: () => '/api/fhir/Observation', body: observed, may: clinician, ok: 201 },
  updateResource: { path: () => `/api/fhir/Observation/${written}`, body: (given) => ({ ...observed(given), id: written }), may: clinician, ok: 201 },
  patchResource: { path: () => `/api/fhir/Observation/${written}`, body: () => [{ op: 'add', path: '/note', value: [{ text: 'again' }] }], may: clinician },
  readResource: { path: ({ patient: id }) => `/api/fhir/Patient/${id}`, may: clinician },
  readVersion: { path: ({ patient: id }) => `/api/fhir/Patient/${id}/_history/1`, may: clinician },
  historyOfResource: { path: () => `/api/fhir/Observation/${written}/_history`, may: clinician },
  historyOfType: { path: () => '/api/fhir/Observation/_history?_count=2', may: clinician },
  searchAll: { path: () => '/api/fhir?_type=Encounter,Observation&_count=2', may: clinician },
  searchAllByForm: { path: () => '/api/fhir/_search?_type=Encounter', may: clinician },
  searchType: { path: () => '/api/fhir/Observation?_count=2', may: clinician },
  searchTypeByForm: { path: () => '/api/fhir/Patient/_search?_count=2', may: clinician },
  patientEverything: { path: ({ patient: id }) => `/api/fhir/Patient/${id}/$everything`, may: clinician },
  patientEverythingByPost: { path: ({ patient: id }) => `/api/fhir/Patient/${id}/$everything`, may: clinician },
  searchCompartment: { path: ({ patient: id }) => `/api/fhir/Patient/${id}/Observation?_count=2`, may: clinician },
  historyOfAll: { path: () => '/api/fhir/_history?_count=2', may: clinician },
  updateMatching: { path: () => `/api/fhir/Observation?_id=${written}`, body: observed, may: clinician },
  patchMatching: { path: () => `/api/fhir/Observation?_id=${written}`, body: () => [{ op: 'remove', path: '/status' }, { op: 'add', path: '/status', value: 'final' }], may: clinician, unseen: integration },
  deleteMatching: { path: () => `/api/fhir/Observation?_id=${randomUUID()}`, may: [...clinician, ...integration], ok: 204 },
  deleteResource: { path: () => `/api/fhir/Observation/${written}`, may: clinician, ok: 204 },
  createBinary: { path: () => '/api/fhir/Binary', body: ({ patient: id }) => ({ resourceType: 'Binary', contentType: 'text/plain', securityContext: { reference: `Patient/${id}` }, data: 'eA==' }), may: clinician, ok: 201 },
  updateBinary: { path: () => `/api/fhir/Binary/${binary}`, body: ({ patient: id }) => ({ resourceType: 'Binary', id: binary, contentType: 'text/plain', securityContext: { reference: `Patient/${id}` }, data: 'eQ==' }), may: clinician, ok: 201 },
  readBinary: { path: () => `/api/fhir/Binary/${binary}`, may: clinician },
  readBinaryVersion: { path: () => `/api/fhir/Binary/${binary}/_history/1`, may: clinician },
  exportAll: { path: () => '/api/fhir/$export', may: [], ok: 202 },
  exportPatients: { path: () => '/api/fhir/Patient/$export', may: [], ok: 202 },
  exportGroup: { path: () => `/api/fhir/Group/${randomUUID()}/$export`, may: [], ok: 202 },
  exportAllByPost: { path: () => '/api/fhir/$export', body: () => ({ resourceType: 'Parameters' }), may: [], ok: 202 },
  exportPatientsByPost: { path: () => '/api/fhir/Patient/$export', body: () => ({ resourceType: 'Parameters' }), may: [], ok: 202 },
  importAll: { path: () => '/api/fhir/$import', body: () => ({ inputs: [] }), may: [], ok: 202 },
  bulkStatus: { path: () => `/api/fhir/bulk/${randomUUID()}`, may: [], ok: 404 },
  cancelBulk: { path: () => `/api/fhir/bulk/${randomUUID()}`, may: [], ok: 404 },
  bulkFile: { path: () => `/api/fhir/bulk/${randomUUID()}/1`, may: [], ok: 404 },
  validateResource: { path: () => '/api/fhir/Observation/$validate', body: observed, may: [...clinician, ...integration] },
  validateStored: { path: ({ patient: id }) => `/api/fhir/Patient/${id}/$validate`, may: clinician },
  expandValueSet: { path: () => '/api/fhir/ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/administrative-gender', may: 'any role' },
  expandValueSetByPost: { path: () => '/api/fhir/ValueSet/$expand', body: () => ({ resourceType: 'Parameters', parameter: [{ name: 'url', valueUri: 'http://hl7.org/fhir/ValueSet/administrative-gender' }] }), may: 'any role' },
  validateInValueSet: { path: () => '/api/fhir/ValueSet/$validate-code?url=http://hl7.org/fhir/ValueSet/administrative-gender&code=male', may: 'any role' },
  validateInValueSetByPost: { path: () => '/api/fhir/ValueSet/$validate-code', body: () => ({ resourceType: 'Parameters', parameter: [{ name: 'url', valueUri: 'http://hl7.org/fhir/ValueSet/administrative-gender' }, { name: 'code', valueCode: 'male' }] }), may: 'any role' },
  validateInSystem: { path: () => '/api/fhir/CodeSystem/$validate-code?url=http://hl7.org/fhir/administrative-gender&code=male', may: 'any role' },
  validateInSystemByPost: { path: () => '/api/fhir/CodeSystem/$validate-code', body: () => ({ resourceType: 'Parameters', parameter: [{ name: 'coding', valueCoding: { system: 'http://hl7.org/fhir/administrative-gender', code: 'male' } }] }), may: 'any role' },
  lookUpCode: { path: () => '/api/fhir/CodeSystem/$lookup?system=http://hl7.org/fhir/administrative-gender&code=male', may: 'any role' },
  lookUpCodeByPost: { path: () => '/api/fhir/CodeSystem/$lookup', body: () => ({ resourceType: 'Parameters', parameter: [{ name: 'coding', valueCoding: { system: 'http://hl7.org/fhir/administrative-gender', code: 'male' } }] }), may: 'any role' },
  translateCode: { path: () => '/api/fhir/ConceptMap/$translate?system=http://hl7.org/fhir/administrative-gender&code=male', may: 'any role' },
  translateCodeByPost: { path: () => '/api/fhir/ConceptMap/$translate', body: () => ({ resourceType: 'Parameters', parameter: [{ name: 'code', valueCode: 'male' }] }), may: 'any role' },
  runSentView: { path: () => '/api/fhir/ViewDefinition/$run', body: () => patientView, may: clinician },
  runView: { path: () => `/api/fhir/ViewDefinition/${randomUUID()}/$run`, may: clinician, ok: 404 },
  keepView: { path: () => `/api/fhir/ViewDefinition/${randomUUID()}/$keep`, may: integration, ok: 404 },
  releaseView: { path: () => `/api/fhir/ViewDefinition/${randomUUID()}/$release`, may: integration, ok: 404 },
  transact: { path: () => '/api/fhir', body: ({ patient: id }) => ({ resourceType: 'Bundle', type: 'batch', entry: [{ request: { method: 'GET', url: `Patient/${id}` } }] }), may: [...clinician, ...integration] },
  createSubscription: { path: () => '/api/fhir/Subscription', body: () => ({ resourceType: 'Subscription' }), may: clinician, ok: 422 }, // of people by an app alone
  searchSubscriptions: { path: () => '/api/fhir/Subscription', may: clinician, ok: 422 },
  readSubscription: { path: () => `/api/fhir/Subscription/${randomUUID()}`, may: clinician, ok: 422 },
  updateSubscription: { path: () => `/api/fhir/Subscription/${randomUUID()}`, body: () => ({ resourceType: 'Subscription' }), may: clinician, ok: 422 },
  deleteSubscription: { path: () => `/api/fhir/Subscription/${randomUUID()}`, may: clinician, ok: 422 },
  subscriptionStatuses: { path: () => '/api/fhir/Subscription/$status', may: clinician, ok: 422 },
  subscriptionStatus: { path: () => `/api/fhir/Subscription/${randomUUID()}/$status`, may: clinician, ok: 422 },
  subscriptionStatusByForm: { path: () => `/api/fhir/Subscription/${randomUUID()}/$status`, may: clinician, ok: 422 },
  subscriptionEvents: { path: () => `/api/fhir/Subscription/${randomUUID()}/$events`, may: clinician, ok: 422 },
  subscriptionEventsByForm: { path: () => `/api/fhir/Subscription/${randomUUID()}/$events`, may: clinician, ok: 422 },
  webSocketToken: { path: () => `/api/fhir/Subscription/${randomUUID()}/$get-ws-binding-token`, may: clinician, ok: 422 },
  webSocketTokenByForm: { path: () => `/api/fhir/Subscription/${randomUUID()}/$get-ws-binding-token`, may: clinician, ok: 422 },
  subscriptions: { path: () => '/api/subscriptions', may: ['integration-engineer', 'ml-engineer'] },
  retrySubscription: { path: () => `/api/subscriptions/${randomUUID()}/retry`, may: integration, ok: 404 },
  endSubscription: { path: () => `/api/subscriptions/${randomUUID()}`, may: integration, ok: 404 },
  devices: { path: () => '/api/devices', may: ['integration-engineer', 'ml-engineer'] },
  addDevice: { path: () => '/api/devices', body: () => ({ name: 'Monitor 4', kind: 'monitor' }), may: integration },
  renewDeviceCredential: { path: () => `/api/devices/${randomUUID()}/credential`, may: integration, ok: 404 },
  setDeviceDisabled: { path: () => `/api/devices/${randomUUID()}/disabled`, body: () => ({ disabled: true }), may: integration, ok: 404 },
  attachDevice: { path: () => `/api/devices/${randomUUID()}/attach`, body: ({ patient: id }) => ({ patientId: id }), may: clinician, ok: 404 },
  detachDevice: { path: () => `/api/devices/${randomUUID()}/detach`, body: () => ({}), may: clinician, ok: 404 },
  replayDevice: { path: () => `/api/devices/${randomUUID()}/replay`, may: integration },
  waveforms: { path: ({ patient: id }) => `/api/waveforms?patient=${id}&from=2026-01-01T00:00:00.000Z&to=2026-01-01T00:10:00.000Z`, may: clinician },
  findSubject: { path: () => '/api/rights/find', body: () => ({ mrn: patient.mrn }), may: privacy },
  subject: { path: ({ patient: id }) => `/api/rights/subjects/${id}`, may: privacy },
  accessBundle: { path: ({ patient: id }) => `/api/rights/subjects/${id}/bundle`, may: privacy },
  objections: { path: ({ patient: id }) => `/api/rights/objections?patientId=${id}`, may: ['clinician', 'privacy-officer'] },
  recordObjection: { path: () => '/api/rights/objections', body: ({ patient: id }) => ({ patientId: id, scope: 'research', givenBy: 'patient' }), may: ['clinician', 'privacy-officer'] },
  withdrawObjection: { path: () => `/api/rights/objections/${randomUUID()}/withdraw`, may: ['clinician', 'privacy-officer'], ok: 404 },
  openCase: { path: () => '/api/rights/cases', body: ({ patient: id }) => ({ patientId: id, kind: 'rectification', reason: 'to be put right' }), may: privacy },
  stepCase: { path: () => `/api/rights/cases/${randomUUID()}`, body: () => ({ event: 'accept', statement: 'it is so' }), may: privacy, ok: 404 },
  holds: { path: () => '/api/rights/holds', may: privacy },
  placeHold: { path: () => '/api/rights/holds', body: () => ({ dataClass: 'exports', reason: 'inquiry' }), may: privacy },
  releaseHold: { path: () => `/api/rights/holds/${randomUUID()}/release`, may: privacy, ok: 404 },
  retention: { path: () => '/api/rights/retention', may: privacy },
  erasures: { path: () => '/api/rights/erasures', may: ['privacy-officer', 'security-officer'] },
  requestErasure: { path: () => '/api/rights/erasures', body: ({ patient: id }) => ({ patientId: id, basis: 'requested-by-person', mrn: patient.mrn }), may: privacy },
  decideErasure: { path: () => `/api/rights/erasures/${randomUUID()}`, body: () => ({ decision: 'approve' }), may: ['privacy-officer', 'security-officer'], ok: 404 },
  erasureReceipt: { path: () => `/api/rights/erasures/${randomUUID()}/receipt`, may: ['privacy-officer', 'security-officer'], ok: 404 },
  modelDecisions: { path: () => '/api/rights/model-decisions', may: ['clinician', 'data-scientist', 'ml-engineer', 'privacy-officer', 'security-officer', 'auditor'] },
  decideModel: { path: () => `/api/rights/model-decisions/${randomUUID()}`, body: () => ({ decision: 'keep', reason: 'one of many' }), may: ['ml-engineer'], ok: 404 },
  evidence: { path: () => '/api/evidence', may: ['privacy-officer', 'security-officer', 'auditor'] },
  agreements: { path: () => '/api/agreements', may: ['privacy-officer', 'security-officer', 'auditor'] },
  addAgreement: { path: () => '/api/agreements', body: () => ({ party: 'Acme', kind: 'processor', scope: 'Hosting of the database', flows: ['database'], validFrom: '2026-01-01', validTo: null }), may: ['privacy-officer'] },
  endAgreement: { path: () => `/api/agreements/${randomUUID()}/end`, may: ['privacy-officer'], ok: 404 },
  residency: { path: () => '/api/residency', may: ['privacy-officer', 'security-officer', 'auditor'] },
  breaches: { path: () => '/api/breaches', may: ['privacy-officer', 'security-officer'] },
  openBreach: { path: () => '/api/breaches', body: () => ({ kind: 'account', subject: 'clinician', from: '2026-01-01T00:00:00.000Z', to: '2026-02-01T00:00:00.000Z', discoveredAt: '2026-02-02T00:00:00.000Z', drill: true }), may: ['privacy-officer', 'security-officer'] },
  breach: { path: () => `/api/breaches/${randomUUID()}`, may: ['privacy-officer', 'security-officer'], ok: 404 },
  breachPeople: { path: () => `/api/breaches/${randomUUID()}/people`, may: privacy, ok: 404 },
  breachStep: { path: () => `/api/breaches/${randomUUID()}/steps`, body: () => ({ event: 'contain', note: 'The account was disabled' }), may: ['privacy-officer', 'security-officer'], ok: 404 },
  policy: { path: () => '/api/policy?purpose=TREAT&patient=treated', may: ['privacy-officer', 'security-officer', 'auditor'] },
  locatePatient: { path: () => '/api/patients/find', body: () => ({ mrn: patient.mrn }), may: ['clinician', 'privacy-officer'] },
  emergencies: { path: () => '/api/emergency-access', may: clinician },
  openEmergency: { path: () => '/api/emergency-access', body: ({ patient: id }) => ({ patientId: id, reason: 'found unconscious' }), may: clinician },
  endEmergency: { path: () => `/api/emergency-access/${randomUUID()}`, may: clinician, ok: 404 },
  lineage: { path: ({ prediction }) => `/api/lineage?node=prediction:${prediction}`, may: ['clinician', 'privacy-officer', 'auditor'] },
  lineageProvenance: { path: ({ prediction }) => `/api/lineage/provenance?node=prediction:${prediction}&limit=100`, may: ['clinician', 'privacy-officer', 'auditor'] },
  reviews: { path: () => '/api/reviews', may: ['privacy-officer'] },
  review: { path: () => `/api/reviews/${randomUUID()}`, may: ['privacy-officer'], ok: 404 },
  decideReview: { path: () => `/api/reviews/${randomUUID()}/verdict`, body: () => ({ verdict: 'justified', note: 'on duty', version: 1 }), may: ['privacy-officer'], ok: 404 },
  findPatient: { path: () => '/api/disclosures/patient', body: () => ({ mrn: patient.mrn }), may: ['privacy-officer', 'security-officer', 'auditor'] },
  disclosures: { path: ({ patient: id }) => `/api/patients/${id}/disclosures`, may: ['privacy-officer', 'security-officer', 'auditor'] },
  passkeySignInOptions: { path: () => '/api/session/passkey/options', may: 'anyone', ok: 409 }, // WebAuthn takes no IP address
  passkeySignIn: { path: () => '/api/session/passkey', body: () => ({ passkey: invented }), may: 'anyone', ok: 409 },
  factorOptions: { path: () => '/api/session/factor/options', may: 'any role', ok: 409 },
  giveFactor: { path: () => '/api/session/factor', body: () => ({ passkey: invented }), may: 'any role', ok: 409 },
  account: { path: () => '/api/account', may: 'any role' },
  changePassword: { path: () => '/api/account/password', body: () => ({ current: 'wrong', next: 'too short' }), may: 'any role', ok: 400 },
  beginTotp: { path: () => '/api/account/totp', may: 'any role' },
  confirmTotp: { path: () => '/api/account/totp', body: () => ({ code: '00000a' }), may: 'any role', ok: 401 },
  removeTotp: { path: () => '/api/account/totp', may: 'any role' }, // begun above
  passkeyOptions: { path: () => '/api/account/passkeys/options', may: 'any role', ok: 409 },
  addPasskey: { path: () => '/api/account/passkeys', body: () => ({ passkey: invented }), may: 'any role', ok: 409 },
  removePasskey: { path: () => `/api/account/passkeys/${randomUUID()}`, may: 'any role', ok: 409 },
  newRecoveryCodes: { path: () => '/api/account/recovery-codes', may: 'any role', ok: 409 },
  endOwnSession: { path: () => `/api/account/sessions/${randomUUID()}`, may: 'any role' },
  users: { path: () => '/api/users', may: security },
  createUser: { path: () => '/api/users', body: () => ({ username: `new-${randomUUID()}`, displayName: 'New', role: 'auditor' }), may: security },
  changeUser: { path: () => `/api/users/${randomUUID()}`, body: () => ({ disabled: true }), may: security, ok: 404 },
  resetPassword: { path: () => `/api/users/${randomUUID()}/password`, may: security, ok: 404 },
  resetFactors: { path: () => `/api/users/${randomUUID()}/factors`, may: security, ok: 404 },
  unlockUser: { path: () => `/api/users/${randomUUID()}/unlock`, may: security, ok: 404 },
  endSessions: { path: () => `/api/users/${randomUUID()}/sessions`, may: security, ok: 404 },
  linkOwnRecord: { path: () => `/api/users/${randomUUID()}/own-record`, body: () => ({ mrn: null }), may: security, ok: 404 },
  setGroupUnits: { path: () => '/api/groups/night-team/units', body: () => ({ units: ['bench/ICU'] }), may: security },
  keyState: { path: () => '/api/keys', may: ['security-officer', 'auditor'] },
  rotateKeys: { path: () => '/api/keys/rotate', body: () => ({ what: 'tenant' }), may: ['security-officer'] },
  smartConfiguration: { path: () => '/api/fhir/.well-known/smart-configuration', may: 'anyone' },
  clients: { path: () => '/api/clients', may: security },
  addClient: { path: () => '/api/clients', body: () => ({ id: `app-${randomUUID()}`, name: 'App', kind: 'app', scopes: ['openid'], redirectUris: ['https://app.example/back'] }), may: security },
  changeClient: { path: () => '/api/clients/no-such-client', body: () => ({ disabled: true }), may: security, ok: 404 },
  rotateIssuerKeys: { path: () => '/api/issuer/keys', may: security },
  launchableApps: { path: () => '/api/smart/apps', may: clinician },
  launchApp: { path: () => '/api/smart/launches', body: ({ stay }) => ({ clientId: 'no-such-client', stayId: stay }), may: clinician, ok: 404 },
  authorization: { path: () => '/api/smart/authorizations/AAAAAAAAAAAAAAAAAAAAA', may: 'any role', ok: 404 },
  decideAuthorization: { path: () => '/api/smart/authorizations/AAAAAAAAAAAAAAAAAAAAA', body: () => ({ allow: true, scopes: ['openid'] }), may: 'any role', ok: 404 },
  grants: { path: () => '/api/smart/grants', may: 'any role' },
  withdrawGrant: { path: () => `/api/smart/grants/${randomUUID()}`, may: 'any role', ok: 404 },
  externalIssuer: { path: () => '/api/session/external', may: 'anyone' },
  externalSignIn: { path: () => '/api/session/external/start', may: 'anyone', ok: 404 },
  externalCallback: { path: () => '/api/session/external/callback', may: 'anyone', ok: 401 },
  signOut: { path: () => '/api/session', may: 'any role' },
};

/** What was answered and leaves no event: it is about nobody, or about the asker alone, or (the last) changed nothing. */
const unlogged: readonly RouteName[] = [
  'health', 'openapi', 'smartConfiguration', 'capabilityStatement', 'externalIssuer', 'events', 'feeds', 'destinations', 'quality', 'model', 'modelDecisions', 'evidence', 'agreements', 'residency', 'policy', 'clients', 'launchableApps',
  'validateResource', 'expandValueSet', 'expandValueSetByPost', 'validateInValueSet', 'validateInValueSetByPost', 'validateInSystem', 'validateInSystemByPost', 'lookUpCode', 'lookUpCodeByPost', 'translateCode', 'translateCodeByPost',
  'getSession', 'account', 'emergencies', 'grants', 'endOwnSession', 'subscriptions',
];

let primum: Booted;
let ids: Ids;
const tokens = new Map<Role, string>();
const passwordOf = (role: Role): { username: string; password: string } => primum.seeded.find((user) => user.role === role)!; // every role is seeded
const nameOf = (text: string): RouteName => text as RouteName; // the keys of `table`, which are the routes' names

beforeAll(async () => {
  primum = await bootForTest();
  await primum.send(...illPatient(patient), results(stranger, 'Q1', { order: 'Q', at: lastSentAt, sentAt: lastSentAt, values: [{ code: 'HR', unit: 'bpm', value: 80 }] }));
  const [row] = await primum.core.db.query<Ids>(`
    select s.id as stay, r.prediction_id as prediction, r.alert_id as alert, s.patient_id as patient, a.version, (select id from message where status = 'quarantined') as quarantined
    from stay s join stay_risk r on r.tenant = s.tenant and r.stay_id = s.id join alert a on a.tenant = s.tenant and a.id = r.alert_id`, []);
  ids = row!; // the one stay that was sent
  for (const role of roles) {
    const { username, password } = passwordOf(role);
    tokens.set(role, await signIn(primum, username, password));
  }
});
afterAll(async () => { await primum[Symbol.asyncDispose](); });

function call(name: RouteName, token: string | undefined): Asked {
  const row = table[name];
  return { method: routes[name].method, path: row.path(ids), ...(row.body === undefined ? {} : { body: row.body(ids) }), token };
}

async function eventsOf(role: Role): Promise<number> {
  const [row] = await primum.core.db.query<{ count: number }>('select count(*) as count from audit_event where actor = $1', [`user:${passwordOf(role).username}`]);
  return row!.count;
}

function expectError(answer: { text: string; body: unknown }, code: keyof typeof errorCatalogue): void {
  const { action, summary } = errorCatalogue[code];
  if ((answer.body as { resourceType?: unknown }).resourceType === 'OperationOutcome') { // FHIR says it in its own shape
    expect(answer.body).toMatchObject({ issue: [{ severity: 'error', diagnostics: action, details: { coding: [{ code }], text: expect.stringContaining(summary) } }] });
    return;
  }
  expect(answer.body).toMatchObject({ code, action });
  expect(String((answer.body as { message?: unknown }).message)).toContain(summary); // checked just before
}

describe('every route', () => {
  it('has a row in this test, and a call that fits its schemas', () => {
    expect(Object.keys(table).sort()).toEqual(Object.keys(routes).sort());
    for (const [name, row] of Object.entries(table)) {
      const route: Route = routes[nameOf(name)];
      if (route.body !== undefined) expect(shapeErrors(route.body, row.body?.(ids))).toEqual([]);
    }
    expect(ids.alert).toMatch(/^[0-9a-f-]{36}$/);
    expect(ids.quarantined).toMatch(/^[0-9a-f-]{36}$/);
  });

  it.each(Object.keys(table).map(nameOf))('%s answers nobody without a session, unless it is for anyone', async (name) => {
    for (const token of [undefined, 'invented', Buffer.alloc(32, 7).toString('base64url')]) {
      const answer = await ask(primum.httpPort, call(name, token));
      if (table[name].may === 'anyone') expect(answer.status).toBe(table[name].ok ?? 200);
      else {
        expect(answer.status).toBe(401);
        expectError(answer, 'auth.required');
      }
    }
  });

  it.each(Object.keys(table).map(nameOf))('%s answers the roles that may, in the contract\'s shape, and no other', async (name) => {
    const row = table[name];
    const route: Route = routes[name];
    const allowed: string[] = [];
    for (const role of roles) {
      const before = await eventsOf(role);
      const answer = await ask(primum.httpPort, call(name, tokens.get(role)));
      if (answer.status === 200) expect({ name, logged: await eventsOf(role) > before }).toEqual({ name, logged: !unlogged.includes(name) });
      const may = typeof row.may === 'string' || row.may.includes(role);
      if (row.unseen?.includes(role) === true) {
        expect({ role, status: answer.status }).toEqual({ role, status: 404 });
        continue;
      }
      expect({ role, status: answer.status }).toEqual({ role, status: may ? row.ok ?? 200 : 403 });
      if (!may) expectError(answer, 'auth.forbidden');
      else if (answer.status === 200) {
        allowed.push(role);
        if (route.response !== undefined) expect(shapeErrors(route.response, answer.body)).toEqual([]);
      }
    }
    if (row.ok === undefined) expect(allowed.length).toBeGreaterThan(0);
  });

  it('leaves every refusal on the audit log', async () => {
    const refused = await primum.core.db.query<{ actor: string; action: string }>(
      'select distinct actor, action from audit_event where outcome = \'minor-failure\' and (action like \'route.%\' or action in (\'lineage.read\', \'resource.write\'))', []);
    // Who may follow the lineage of models is refused once the node turns out to be a patient's.
    const follows = (role: Role, name: string): boolean => name.startsWith('lineage') && ['data-scientist', 'ml-engineer'].includes(role);
    // Who may define what belongs to nobody is refused once the resource turns out to be a patient's.
    const defines = (role: Role, name: string): boolean => role === 'integration-engineer' && /^(create|update|patch|delete)Resource$|^(update|patch)Matching$|^(create|update)Binary$/.test(name);
    const expected = new Set(Object.entries(table).flatMap(([name, { may, unseen = [] }]) => (typeof may === 'string' ? [] : roles.filter((role) => !may.includes(role) && !unseen.includes(role))
      .map((role) => `user:${passwordOf(role).username} ${follows(role, name) ? 'lineage.read' : defines(role, name) ? 'resource.write' : `route.${name}`}`))));
    expect(refused.map(({ actor, action }) => `${actor} ${action}`).sort()).toEqual([...expected].sort());
  });
});

describe('a session', () => {
  it('is a cookie that no script and no other site gets', async () => {
    const { username, password } = passwordOf('data-scientist');
    const answer = await ask(primum.httpPort, { method: 'POST', path: '/api/session', body: { username, password } });
    const [cookie] = [answer.headers['set-cookie'] ?? []].flat();
    expect(cookie?.split('; ').slice(1).sort()).toEqual(['HttpOnly', 'Path=/', 'SameSite=Strict']);
    expect(answer.text).not.toContain(/=([^;]+)/.exec(cookie ?? '')![1]);
    expect(answer.text).not.toContain(password);
  });

  it('ends at once with sign-out, for its token alone', async () => {
    const { username, password } = passwordOf('clinician');
    const [one, other] = [await signIn(primum, username, password), await signIn(primum, username, password)];
    expect((await ask(primum.httpPort, { path: '/api/worklist', token: one })).status).toBe(200);
    const out = await ask(primum.httpPort, { method: 'DELETE', path: '/api/session', token: one });
    expect(out.status).toBe(200);
    expect(String(out.headers['set-cookie'])).toMatch(/^primum_session=;.*Expires=Thu, 01 Jan 1970/);
    expect((await ask(primum.httpPort, { path: '/api/worklist', token: one })).status).toBe(401);
    expect((await ask(primum.httpPort, { path: '/api/worklist', token: other })).status).toBe(200);
  });

  it('ends its stream of events too, within a few seconds', async () => {
    const { username, password } = passwordOf('clinician');
    const token = await signIn(primum, username, password);
    const stream = await fetch(`${primum.url}api/events`, { headers: { cookie: `primum_session=${token}` } });
    expect(stream.headers.get('content-type')).toBe('text/event-stream');
    await ask(primum.httpPort, { method: 'DELETE', path: '/api/session', token });
    const text = await Promise.race([stream.text(), sleep(8_000, 'still open')]);
    expect(text).toContain('event: hello');
  });

  it('is refused to a name after five wrong passwords, known or not, even with the right one', async () => {
    const { username, password } = passwordOf('auditor');
    for (const name of [username, 'nobody-at-all']) {
      for (let attempt = 1; attempt <= 5; attempt += 1) {
        const answer = await ask(primum.httpPort, { method: 'POST', path: '/api/session', body: { username: name, password: `wrong-${attempt}` } });
        expect(answer.status).toBe(401);
        expectError(answer, 'auth.failed');
        expect(answer.headers['set-cookie']).toBeUndefined();
      }
      const answer = await ask(primum.httpPort, { method: 'POST', path: '/api/session', body: { username: name, password } });
      expect(answer.status).toBe(429);
      expectError(answer, 'auth.locked');
    }
  });
});

describe('another machine', () => {
  it.skipIf(process.platform !== 'linux')('reaches nothing: Primum listens on this machine alone', async () => {
    const tables = await Promise.all(['tcp', 'tcp6'].map((name) => readFile(`/proc/net/${name}`, 'utf8').catch(() => '')));
    for (const port of [primum.httpPort, primum.mllpPort]) {
      const hex = port.toString(16).toUpperCase().padStart(4, '0');
      // The second column is address:port, the fourth the state; 0A listens (proc(5), /proc/net/tcp).
      const listening = tables.join('\n').split('\n').map((line) => line.trim().split(/\s+/)).filter(([, local, , state]) => state === '0A' && local?.endsWith(`:${hex}`));
      expect(listening.map(([, local]) => local)).toEqual([`0100007F:${hex}`]);
    }
  });
});

describe('another origin', () => {
  const hello: Asked = { method: 'POST', path: '/api/session', body: { username: 'a', password: 'b' } };
  it.each(['http://evil.example', 'null', 'http://127.0.0.1:1', 'https://localhost'])('changes nothing (Origin %s)', async (origin) => {
    const answer = await ask(primum.httpPort, { ...hello, headers: { origin } });
    expect(answer.status).toBe(403);
    expectError(answer, 'auth.origin-refused');
  });

  it.each(['evil.example', 'evil.example:8420', '127.0.0.1.evil.example', 'localhost@evil.example'])('reads nothing through a name that resolves to us (Host %j)', async (host) => {
    for (const path of ['/api/health', '/api/openapi.json', '/']) {
      const answer = await ask(primum.httpPort, { path, headers: { host } });
      expect([400, 403]).toContain(answer.status);
      expect(answer.text).not.toContain('openapi');
    }
  });

  it('is told by no header that it may read', async () => {
    const answer = await ask(primum.httpPort, { path: '/api/health', headers: { origin: 'http://evil.example' } });
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
    expect((await ask(primum.httpPort, { method: 'OPTIONS', path: '/api/session', headers: { origin: 'http://evil.example', 'access-control-request-method': 'DELETE' } })).status).toBe(403);
  });

  it('sends no form that is taken for a call', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
      const answer = await ask(primum.httpPort, { ...hello, headers: { 'content-type': type } });
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.status).toBeLessThan(500);
      expect(answer.headers['set-cookie']).toBeUndefined();
    }
  });

  it('may frame no page and run no script here', async () => {
    const { headers } = await ask(primum.httpPort, { path: '/api/health' });
    expect(headers['content-security-policy']).toContain('frame-ancestors \'none\'');
    expect(headers['content-security-policy']).toContain('script-src \'self\'');
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', 'cache-control': 'no-store' });
  });
});

describe('an invalid request', () => {
  const canary = 'Zzyzx-Canary';
  it('is answered with code, what is wrong and what to do, never with what was sent', async () => {
    const { username, password } = passwordOf('clinician');
    const token = await signIn(primum, username, password);
    const cases: Asked[] = [
      { method: 'POST', path: '/api/session', body: { username: canary, password: canary, [canary]: canary } },
      { method: 'POST', path: '/api/session', body: { username: canary.repeat(100), password: canary } },
      { method: 'POST', path: '/api/session', body: `{"username": "${canary}` },
      { method: 'POST', path: '/api/session', body: [canary] },
      { method: 'POST', path: '/api/session' },
      { method: 'POST', path: `/api/alerts/${ids.alert}/acknowledge`, body: { as: canary, version: canary } },
      { method: 'POST', path: `/api/alerts/${ids.alert}/snooze`, body: { minutes: 14, version: 1 } },
      { method: 'POST', path: `/api/alerts/${ids.alert}/snooze`, body: { minutes: 241, version: 1, [canary]: 1 } },
      { method: 'POST', path: `/api/alerts/${ids.alert}/acknowledge`, body: { as: 'assessing', version: 2 ** 31 } },
      { method: 'POST', path: `/api/alerts/${ids.alert}/acknowledge`, body: { as: 'handed-over', handedTo: `${canary}\0`, version: 1 } },
      { method: 'POST', path: '/api/session', body: { username: `${canary}\0`, password: canary } },
      { path: `/api/worklist?site=${canary}%00` },
      { path: `/api/stays/${canary}` },
      { path: `/api/stays/${ids.stay}?hours=${canary}` },
      { path: `/api/predictions/${canary}` },
      { path: `/api/fhir/${canary}/${ids.patient}` },
      { path: `/api/fhir/Patient/${ids.patient}/_history/${canary}` },
      { path: `/api/fhir/Patient/${ids.patient}/_history/99999999999` },
    ];
    for (const asked of cases) {
      const answer = await ask(primum.httpPort, { ...asked, token });
      expect({ path: asked.path, status: answer.status }).toEqual({ path: asked.path, status: 400 });
      expectError(answer, 'api.request-invalid');
      expect(answer.text).not.toContain(canary);
    }
  });

  it('is too large beyond a bound', async () => {
    const answer = await ask(primum.httpPort, { method: 'POST', path: '/api/session', body: { username: 'a', password: 'x'.repeat(2_000_000) } });
    expect(answer.status).toBe(413);
    expectError(answer, 'api.request-invalid');
  });

  it.each([['GET', '/api/nothing-here'], ['PUT', '/api/session'], ['POST', '/api/worklist'], ['GET', '/api/'], ['DELETE', '/'], ['GET', '/api/../../etc/passwd'], ['GET', '/assets/%2e%2e/%2e%2e/package.json']])('%s %s is nowhere', async (method, path) => {
    const answer = await ask(primum.httpPort, { method, path });
    expect(answer.status).toBe(404);
    expectError(answer, 'api.not-found');
    expect(answer.text).not.toContain('nothing-here');
  });

  it('names no stay, prediction, alert or resource that is not there', async () => {
    const { username, password } = passwordOf('clinician');
    const token = await signIn(primum, username, password);
    const unknown = randomUUID();
    const cases: [Asked, keyof typeof errorCatalogue][] = [
      [{ path: `/api/stays/${unknown}` }, 'record.not-found'],
      [{ path: `/api/worklist?site=${unknown}` }, 'record.not-found'],
      [{ path: `/api/predictions/${unknown}` }, 'prediction.not-found'],
      [{ method: 'POST', path: `/api/predictions/${unknown}/replay` }, 'prediction.not-found'],
      [{ method: 'POST', path: `/api/alerts/${unknown}/acknowledge`, body: { as: 'assessing', version: 1 } }, 'alert.not-found'],
      [{ path: `/api/fhir/Patient/${unknown}` }, 'record.not-found'],
      [{ path: `/api/fhir/Patient/${ids.patient}/_history/99` }, 'record.not-found'],
    ];
    for (const [asked, code] of cases) {
      const answer = await ask(primum.httpPort, { ...asked, token });
      expect({ path: asked.path, status: answer.status }).toEqual({ path: asked.path, status: 404 });
      expectError(answer, code);
    }
  });
});
