import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { Device } from '@medplum/fhirtypes';
import { PrimumError, uuidv7 } from '@primum/base';
import { writeResources, type WriteDeps } from '@primum/record';
import type { Sql } from '@primum/store';
import { requirePermission, withPhiReader, type Keys, type Principal, type Purpose } from '@primum/trust';

export const deviceKinds = ['monitor', 'ventilator', 'pump', 'wearable', 'other'] as const;
export type DeviceKind = (typeof deviceKinds)[number];

/** How many seconds of a code become one Observation where a device is not told otherwise; 0: each sample. */
export const usualInterval: Readonly<Record<DeviceKind, number>> = { monitor: 60, ventilator: 60, pump: 60, wearable: 300, other: 0 };

export type RegistryCall = { tenant: number; principal: Principal; purpose: Purpose };
export type NewDevice = { kind: DeviceKind; name: string; keepEveryS?: number; silentAfterS?: number };

const nameAad = (tenant: number, id: string): string => `${tenant}/device/${id}`;
const usualSilenceS = 300;

/** Registers a device with a credential that is told this once, and its FHIR Device, which Observations refer to. */
export async function registerDevice(deps: WriteDeps, call: RegistryCall, { kind, name, keepEveryS = usualInterval[kind], silentAfterS = usualSilenceS }: NewDevice): Promise<{ id: string; secret: string }> {
  const { tenant } = call;
  const asked = { ...call, action: 'device.registered', authority: 'feed.manage' } as const;
  await requirePermission(deps, asked);
  const at = deps.clock.now();
  const id = uuidv7(at.getTime());
  const secret = newSecret();
  const resource: Device = { resourceType: 'Device', id, status: 'active', deviceName: [{ name, type: 'user-friendly-name' }], type: { text: kind } };
  await writeResources(deps, asked, [{ kind: 'update', resource }]);
  await deps.keys.ensure(tenant, [{ kind: 'tenant' }]);
  await deps.db.query(`insert into device (tenant, id, kind, sealed_name, credential, keep_every_s, silent_after_s, registered_at) values ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [tenant, id, kind, deps.keys.seal(tenant, { kind: 'tenant' }, Buffer.from(name), nameAad(tenant, id)), credentialOf(deps.keys, tenant, id, secret), keepEveryS, silentAfterS, at]);
  return { id, secret };
}

/** Ends the old credential. */
export async function renewCredential(deps: WriteDeps, call: RegistryCall, id: string): Promise<{ secret: string }> {
  const secret = newSecret();
  await changeDevice(deps, call, 'device.credential-renewed', id, 'credential = $3', [credentialOf(deps.keys, call.tenant, id, secret)]);
  return { secret };
}

/** One that is disabled is not let in any more; what it sent stays. */
export function setDeviceDisabled(deps: WriteDeps, call: RegistryCall, id: string, disabled: boolean): Promise<void> {
  return changeDevice(deps, call, disabled ? 'device.disabled' : 'device.enabled', id, 'disabled_at = $3', [disabled ? deps.clock.now() : null]);
}

async function changeDevice(deps: WriteDeps, call: RegistryCall, action: string, id: string, change: string, values: readonly unknown[]): Promise<void> {
  await requirePermission(deps, { ...call, action, authority: 'feed.manage' });
  await deps.db.transaction(async (tx) => {
    const rows = await tx.query(`update device set ${change} where tenant = $1 and id = $2 returning id`, [call.tenant, id, ...values]);
    if (rows.length === 0) throw new PrimumError('device.unknown');
    await deps.audit.write(tx, [{ ...call, action, outcome: 'success', at: deps.clock.now(), entities: [{ type: 'Device', id }] }]);
  });
}

/** Whether these are a registered device's credentials that still stand. Tokens are compared in constant time. */
export async function knowsDevice({ db, keys }: { db: Sql; keys: Pick<Keys, 'token'> }, tenant: number, id: string, secret: string): Promise<boolean> {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id) || secret.length > 200) return false;
  const [row] = await db.query<{ credential: Buffer }>('select credential from device where tenant = $1 and id = $2 and disabled_at is null', [tenant, id]);
  return row !== undefined && timingSafeEqual(row.credential, credentialOf(keys, tenant, id, secret));
}

/** 256 random bits, so a keyed token is enough where a password would need a slow hash. */
const newSecret = (): string => randomBytes(32).toString('base64url');
const credentialOf = (keys: Pick<Keys, 'token'>, tenant: number, id: string, secret: string): Buffer => keys.token(tenant, 'identifier', JSON.stringify(['device-credential', id, secret]));

/**
 * Says on whom a device is from `from` on; whoever it was on until then, it is no more. Samples that waited in quarantine
 * for this are put back in line. Errors: device.unknown, device.association-conflict (a later or a closed period would overlap).
 */
export async function attachDevice(deps: WriteDeps, call: RegistryCall, { id, patientId, from }: { id: string; patientId: string; from: Date }): Promise<void> {
  await requirePermission(deps, { ...call, action: 'device.attached', authority: 'record.write', patientIds: [patientId] });
  await deps.db.transaction(async (tx) => {
    await lockDevice(tx, call.tenant, id);
    const [known] = await tx.query('select from patient where tenant = $1 and id = $2', [call.tenant, patientId]);
    if (known === undefined) throw new PrimumError('record.not-found', 'Patient');
    await tx.query('update device_association set until_at = $3 where tenant = $1 and device_id = $2 and until_at is null and from_at < $3', [call.tenant, id, from]);
    const overlapping = await tx.query('select from device_association where tenant = $1 and device_id = $2 and coalesce(until_at, \'infinity\') > $3 limit 1', [call.tenant, id, from]);
    if (overlapping.length > 0) throw new PrimumError('device.association-conflict');
    await tx.query('insert into device_association (tenant, device_id, from_at, patient_id) values ($1, $2, $3, $4)', [call.tenant, id, from, patientId]);
    await tx.query(`update device_message set status = 'received', reason_code = null where tenant = $1 and device_id = $2 and status = 'quarantined' and reason_code = 'device.not-attached' and last_at >= $3`, [call.tenant, id, from]);
    await deps.audit.write(tx, [{ ...call, action: 'device.attached', outcome: 'success', at: deps.clock.now(), patientIds: [patientId], entities: [{ type: 'Device', id }] }]);
  });
}

/** Ends the period that is open. Errors: device.unknown, device.association-conflict (none is open, or it began later). */
export async function detachDevice(deps: WriteDeps, call: RegistryCall, { id, at }: { id: string; at: Date }): Promise<void> {
  const [open] = await deps.db.query<{ patient_id: string }>('select patient_id from device_association where tenant = $1 and device_id = $2 and until_at is null', [call.tenant, id]);
  await requirePermission(deps, { ...call, action: 'device.detached', authority: 'record.write', ...(open === undefined ? {} : { patientIds: [open.patient_id] }) });
  await deps.db.transaction(async (tx) => {
    await lockDevice(tx, call.tenant, id);
    const [ended] = await tx.query<{ patient_id: string }>('update device_association set until_at = $3 where tenant = $1 and device_id = $2 and until_at is null and from_at < $3 and patient_id = $4 returning patient_id',
      [call.tenant, id, at, open?.patient_id ?? null]);
    if (ended === undefined) throw new PrimumError('device.association-conflict');
    await deps.audit.write(tx, [{ ...call, action: 'device.detached', outcome: 'success', at: deps.clock.now(), patientIds: [ended.patient_id], entities: [{ type: 'Device', id }] }]);
  });
}

async function lockDevice(tx: Sql, tenant: number, id: string): Promise<void> {
  const rows = await tx.query('select from device where tenant = $1 and id = $2 for update', [tenant, id]);
  if (rows.length === 0) throw new PrimumError('device.unknown');
}

/** Puts a device's quarantined messages back in line, after what they lacked was mended. How many. */
export async function replayDevice(deps: WriteDeps, call: RegistryCall, id: string): Promise<number> {
  await requirePermission(deps, { ...call, action: 'device.replayed', authority: 'quarantine.replay' });
  return deps.db.transaction(async (tx) => {
    const rows = await tx.query(`update device_message set status = 'received', reason_code = null where tenant = $1 and device_id = $2 and status = 'quarantined' returning id`, [call.tenant, id]);
    await deps.audit.write(tx, [{ ...call, action: 'device.replayed', outcome: 'success', at: deps.clock.now(), entities: [{ type: 'Device', id }] }]);
    return rows.length;
  });
}

export type ListedDevice = {
  id: string; kind: DeviceKind; name: string; keepEveryS: number; disabled: boolean; attached: boolean; silent: boolean;
  received: number; repeated: number; atMostOnce: number; kept: number; thinned: number; quarantined: number; lastReceivedAt: Date | null; lastSampleAt: Date | null;
};
export type DeviceQuarantine = { deviceId: string; code: string; messages: number; since: Date };

type Row = {
  id: string; kind: DeviceKind; sealed_name: Buffer; keep_every_s: number; silent_after_s: number; disabled_at: Date | null; attached: boolean; received: number; repeated: number; at_most_once: number;
  kept: number; thinned: number; quarantined: number; last_received_at: Date | null; last_sample_at: Date | null;
};

/** Devices with what became of what they sent. Silent: on a patient, and nothing came for longer than it may. */
export async function listDevices(deps: WriteDeps, call: RegistryCall): Promise<{ devices: ListedDevice[]; quarantine: DeviceQuarantine[] }> {
  return withPhiReader(deps, { ...call, action: 'device.list', authority: 'feed.read', scope: { unassigned: true } }, async (reader) => {
    const [rows, quarantine] = await Promise.all([
      deps.db.query<Row>(`
        select d.id, d.kind, d.sealed_name, d.keep_every_s, d.silent_after_s, d.disabled_at, d.received, d.repeated, d.at_most_once, d.last_received_at,
          exists (select from device_association a where a.tenant = d.tenant and a.device_id = d.id and a.from_at <= $2 and (a.until_at is null or a.until_at > $2)) as attached,
          coalesce(c.kept, 0)::bigint as kept, coalesce(c.thinned, 0)::bigint as thinned, c.last_at as last_sample_at,
          (select count(*) from device_message m where m.tenant = d.tenant and m.device_id = d.id and m.status = 'quarantined') as quarantined
        from device d left join lateral (select sum(kept) as kept, sum(thinned) as thinned, max(last_at) as last_at from device_channel c where c.tenant = d.tenant and c.device_id = d.id) c on true
        where d.tenant = $1 order by d.registered_at desc limit 1000`, [call.tenant, deps.clock.now()]),
      deps.db.query<{ device_id: string; reason_code: string; messages: number; since: Date }>(`
        select device_id, reason_code, count(*) as messages, min(received_at) as since from device_message
        where tenant = $1 and status = 'quarantined' group by device_id, reason_code order by since limit 500`, [call.tenant]),
    ]);
    const now = deps.clock.now().getTime();
    const devices = await Promise.all(rows.map(async (row): Promise<ListedDevice> => ({
      id: row.id, kind: row.kind, name: (await reader.openUnassigned(row.sealed_name, nameAad(call.tenant, row.id))).toString(), keepEveryS: row.keep_every_s, disabled: row.disabled_at !== null, attached: row.attached,
      silent: row.attached && row.disabled_at === null && now - (row.last_received_at?.getTime() ?? 0) > row.silent_after_s * 1_000,
      received: row.received, repeated: row.repeated, atMostOnce: row.at_most_once, kept: row.kept, thinned: row.thinned, quarantined: row.quarantined, lastReceivedAt: row.last_received_at, lastSampleAt: row.last_sample_at,
    })));
    return { devices, quarantine: quarantine.map((row) => ({ deviceId: row.device_id, code: row.reason_code, messages: row.messages, since: row.since })) };
  });
}
