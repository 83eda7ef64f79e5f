import { personalTables, type PersonalData } from '@primum/trust';
import type { Sql } from '@primum/store';

/** What devices said of a patient: what waits in quarantine from the time that a device was on them, stretches of waveforms, the periods themselves. */
export const devicePersonalData: PersonalData = personalTables('devices', [
  { table: 'waveform' },
  {
    table: 'device_message',
    of: `status <> 'applied' and exists (select from device_association a where a.tenant = device_message.tenant and a.device_id = device_message.device_id and a.patient_id = any($2::uuid[])
      and a.from_at <= coalesce(device_message.last_at, device_message.received_at) and coalesce(a.until_at, 'infinity') > coalesce(device_message.first_at, device_message.received_at))`,
  },
  { table: 'device_association' },
]);

/** Objects in which waveforms of these patients lie. */
export async function waveformObjects(sql: Sql, tenant: number, patientIds: readonly string[]): Promise<string[]> {
  const rows = await sql.query<{ digest: string }>("select encode(digest, 'hex') as digest from waveform where tenant = $1 and patient_id = any($2::uuid[])", [tenant, patientIds]);
  return rows.map(({ digest }) => digest);
}
