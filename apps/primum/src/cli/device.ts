import { parseArgs } from 'node:util';
import { PrimumError } from '@primum/base';
import { attachDevice, detachDevice, deviceKinds, listDevices, registerDevice, renewCredential, replayDevice, setDeviceDisabled } from '@primum/ingest';
import { mintSystemPrincipal } from '@primum/trust';
import { tenant } from '../core.ts';
import { openFhir, writeDepsOf } from '../fhir.ts';
import { loadServedModel } from '../models.ts';
import { homeOf, isUuid, osUser, wholeNumber, withCore } from './settings.ts';

const usage = 'primum device list | add --name TEXT --kind KIND [--keep-every S] [--silent-after S] | attach ID --patient ID [--from TIME] | detach ID [--at TIME] | replay ID | renew ID | disable ID | enable ID';

export async function device(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args], allowPositionals: true,
    options: { home: { type: 'string' }, name: { type: 'string' }, kind: { type: 'string' }, 'keep-every': { type: 'string' }, 'silent-after': { type: 'string' }, patient: { type: 'string' }, from: { type: 'string' }, at: { type: 'string' } },
  });
  const [verb, id = ''] = positionals;
  await withCore(homeOf(values.home), async (core) => {
    const deps = writeDepsOf(core, openFhir(core, (await loadServedModel(core.home)).codes));
    const call = { tenant, principal: mintSystemPrincipal(`cli:${osUser()}`), purpose: 'HOPERAT' } as const;
    if (verb === 'list') {
      const { devices, quarantine } = await listDevices(deps, call);
      for (const row of devices) console.log(`${row.id}  ${row.kind}  ${row.name}  ${row.received} messages, ${row.kept} samples kept, ${row.thinned} thinned, ${row.quarantined} in quarantine${row.disabled ? ', disabled' : ''}${row.silent ? ', SILENT' : ''}`);
      for (const row of quarantine) console.log(`${row.deviceId}  ${row.messages} in quarantine since ${row.since.toISOString()}  [${row.code}]`);
      console.log(`${devices.length} devices.`);
      return;
    }
    if (verb === 'add') {
      const kind = deviceKinds.find((word) => word === values.kind);
      if (kind === undefined || values.name === undefined || values.name === '' || values.name.length > 100) throw new PrimumError('config.usage', `${usage}; KIND is one of ${deviceKinds.join(', ')}`);
      const [keepEveryS, silentAfterS] = [wholeNumber('keep-every', values['keep-every'], 0, 86_400), wholeNumber('silent-after', values['silent-after'], 5, 604_800)];
      const made = await registerDevice(deps, call, { kind, name: values.name, ...(keepEveryS === undefined ? {} : { keepEveryS }), ...(silentAfterS === undefined ? {} : { silentAfterS }) });
      console.log(`User      ${made.id}\nPassword  ${made.secret}\nTopics    primum/v1/${made.id}/samples, senml, waveform\nThe password is shown this once.`);
      return;
    }
    if (!isUuid(id)) throw new PrimumError('config.usage', usage);
    switch (verb) {
      case 'attach':
        if (values.patient === undefined || !isUuid(values.patient)) throw new PrimumError('config.usage', usage);
        await attachDevice(deps, call, { id, patientId: values.patient, from: instant(values.from, core.clock.now()) });
        break;
      case 'detach': await detachDevice(deps, call, { id, at: instant(values.at, core.clock.now()) }); break;
      case 'replay': console.log(`${await replayDevice(deps, call, id)} messages wait again; a running Primum applies them.`); return;
      case 'renew': console.log(`Password  ${(await renewCredential(deps, call, id)).secret}\nIt is shown this once; the old one ended.`); return;
      case 'disable': case 'enable': await setDeviceDisabled(deps, call, id, verb === 'disable'); break;
      default: throw new PrimumError('config.usage', usage);
    }
    console.log('Done.');
  });
}

function instant(text: string | undefined, now: Date): Date {
  const at = text === undefined ? now : new Date(text);
  if (Number.isNaN(at.getTime())) throw new PrimumError('config.usage', 'a time is ISO 8601, with its offset');
  return at;
}
