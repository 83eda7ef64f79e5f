import { routes } from '@primum/contract';
import { ask as askOnce } from '../../support/booted.ts';
import type { Planted } from './persons.ts';

/** What is about staff, machines and contracts: names of these stand in clear, so no patient's is planted in the bodies. */
const aboutOthers = /^\/api\/(account|agreements|breaches|clients|groups|issuer|keys|smart|users)/;

/**
 * Every route of the contract, so that a new one is never left out: planted values in its address, its query, its
 * headers and every text of its body, and once more what is no JSON. Most are refused; what counts is where they end up.
 * Gives how many were sent, and how many of them were carried out.
 */
export async function requestEverywhere(port: number, tokens: readonly string[], persons: readonly Planted[], patientIds: readonly string[]): Promise<{ requests: number; done: number }> {
  const counts = { requests: 0, done: 0 };
  const ask = async (...args: Parameters<typeof askOnce>): Promise<void> => {
    counts.requests += 1;
    if ((await askOnce(...args)).status < 300) counts.done += 1;
  };
  let turn = 0;
  const next = (): Planted => persons[turn++ % persons.length]!; // there is at least one
  for (const [name, { method, path, ...route }] of Object.entries(routes)) {
    if (path === '/api/events' || name === 'signOut') continue;
    for (const [at, token] of tokens.entries()) {
      const { family, note, mrn, phone, street } = next();
      const patientId = patientIds[(turn + at) % Math.max(1, patientIds.length)] ?? family;
      const target = (id: string): string => `${path.replaceAll(/:(\w+)/g, (_all, param: string) => encodeURIComponent(/patient/i.test(param) ? patientId : id))}`;
      const headers = { 'user-agent': note.replaceAll(/[^\x20-\x7e]/g, '-'), referer: `http://127.0.0.1:${port}/${encodeURIComponent(family)}`, 'x-request-id': mrn, 'x-forwarded-for': phone };
      const query = `?q=${encodeURIComponent(family)}&patient=${patientId}&name=${encodeURIComponent(note)}&${encodeURIComponent(street)}=1`;
      const body = method === 'GET' || aboutOthers.test(path) ? undefined : filled('body' in route ? route.body : undefined, () => next(), patientId);
      await ask(port, { method, path: `${target(encodeURIComponent(family))}${query}`, token, headers });
      await ask(port, { method, path: target(patientId), token, ...(body === undefined ? {} : { body }) });
      if (method !== 'GET' && at === 0 && !aboutOthers.test(path)) await ask(port, { method, path: target(patientId), token, body: `{"${note}": "${family}` });
    }
  }
  for (const { family, mrn, phone, note } of persons.slice(0, 10)) {
    await ask(port, { method: 'POST', path: '/api/session', body: { username: family, password: note } });
    await ask(port, { method: 'POST', path: '/api/session', body: { username: mrn, password: phone, code: family } });
    await ask(port, { path: `/api/fhir/Patient?identifier=${mrn}&family=${encodeURIComponent(family)}`, token: tokens[0] });
    await ask(port, { path: `/${encodeURIComponent(note)}/${encodeURIComponent(family)}` });
    await ask(port, { path: '/oidc/auth?client_id=x&login_hint=' + encodeURIComponent(family), headers: { cookie: `primum_session=${encodeURIComponent(family)}` } });
    await ask(port, { path: '/api/worklist', headers: { host: `${mrn}.example`, origin: `http://${mrn}.example`, authorization: `Bearer ${mrn}` } });
  }
  return counts;
}

/** A body in the shape of a JSON Schema: planted values where it takes text, the patient's id where it takes one. */
function filled(schema: unknown, next: () => Planted, patientId: string): unknown {
  if (typeof schema !== 'object' || schema === null) return { reason: next().note, name: next().family };
  const of = schema as { type?: string; const?: unknown; enum?: unknown[]; anyOf?: unknown[]; properties?: Record<string, unknown>; items?: unknown; pattern?: string; format?: string; minimum?: number }; // a TypeBox value is JSON Schema
  if (of.const !== undefined) return of.const;
  if (of.enum !== undefined) return of.enum[0];
  if (of.anyOf !== undefined) return filled(of.anyOf[0], next, patientId);
  if (of.type === 'object') return Object.fromEntries(Object.entries(of.properties ?? {}).map(([name, property]) => [name, filledText(name, property, next, patientId)]));
  if (of.type === 'array') return [filled(of.items, next, patientId)];
  if (of.type === 'integer' || of.type === 'number') return of.minimum ?? 1;
  if (of.type === 'boolean') return true;
  if (of.format === 'date-time') return '2026-06-01T08:00:00.000Z';
  if (of.format === 'uuid' || of.pattern?.includes('0-9a-f') === true) return patientId;
  return next().note;
}

function filledText(name: string, schema: unknown, next: () => Planted, patientId: string): unknown {
  const value = filled(schema, next, patientId);
  if (typeof value !== 'string' || value === patientId || !value.startsWith('patient says')) return value;
  if (/identifier|mrn|value/i.test(name)) return next().mrn;
  return /family|given|name/i.test(name) ? next().family : value;
}
