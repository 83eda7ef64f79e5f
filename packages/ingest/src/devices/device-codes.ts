import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { jsonShape } from '@primum/base';
import { mappingsDirectory } from '../mapping/load-mappings.ts';

/** What a device's name for a measurement stands for. `change`: a difference that is kept within an interval too. */
export type DeviceCode = { loinc: string; display: string; unit: string; category: 'vital-signs' | 'activity'; change?: number; /** IEEE 11073-10101 code by reference id, null where it has none here. */ mdc: Readonly<Record<string, number | null>> };

export type DeviceCodes = {
  /** By LOINC code, IEEE 11073-10101 reference id or code, or a wearable's name. */
  find(name: string): DeviceCode | undefined;
  /** A unit's UCUM code; itself where the table does not know it. */
  unit(name: string): string;
  waveform(name: string): string | undefined;
};

/** Reads `mappings/devices/vitals.json`. Throws config.invalid with the place of the first mistake. */
export function loadDeviceCodes(file: string = join(mappingsDirectory, 'devices', 'vitals.json')): DeviceCodes {
  const { object, list, text, number, invalid } = jsonShape('config.invalid');
  const root = object(JSON.parse(readFileSync(file, 'utf8')), 'vitals.json');
  const byName = new Map<string, DeviceCode>();
  for (const [n, item] of list(root['codes'], 'codes').entries()) {
    const at = `codes[${n}]`;
    const entry = object(item, at);
    const mdc: Record<string, number | null> = {};
    for (const [id, value] of Object.entries(object(entry['mdc'] ?? {}, `${at}.mdc`))) mdc[id] = value === null ? null : number(value, `${at}.mdc.${id}`);
    const code: DeviceCode = {
      loinc: text(entry['loinc'], `${at}.loinc`), display: text(entry['display'], `${at}.display`), unit: text(entry['unit'], `${at}.unit`), category: entry['category'] === 'activity' ? 'activity' : 'vital-signs', mdc,
      ...(entry['change'] === undefined ? {} : { change: number(entry['change'], `${at}.change`) }),
    };
    const names = [code.loinc, ...Object.keys(mdc), ...Object.values(mdc).flatMap((value) => value?.toString() ?? []), ...list(entry['names'] ?? [], `${at}.names`).map((name) => text(name, `${at}.names`))];
    for (const name of names) {
      if (byName.has(name)) throw invalid(`${at}: ${name} stands twice`);
      byName.set(name, code);
    }
  }
  const units = new Map<string, string>();
  for (const [ucum, names] of Object.entries(object(root['units'], 'units'))) {
    for (const name of list(names, `units.${ucum}`)) units.set(text(name, `units.${ucum}`), ucum);
  }
  const waveforms = new Map(Object.entries(object(root['waveforms'], 'waveforms')).map(([id, display]) => [id, text(display, `waveforms.${id}`)]));
  return { find: (name) => byName.get(name), unit: (name) => units.get(name) ?? name, waveform: (name) => waveforms.get(name) };
}
