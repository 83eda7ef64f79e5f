import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { frameMllp } from '@primum/formats';
import { benchSource } from '../../bench/support/ward-messages.ts';
import { bootedTarget } from './booted-target.ts';
import type { Random } from './target.ts';

const data = process.env['PRIMUM_DATA'] ?? join(import.meta.dirname, '..', '..', '..', 'shared', 'data');
const folder = join(data, 'hl7v2-to-fhir', 'messages');
const values = ['""', '', '0', '-1', '1e309', '99999999999999999999', '20260230', '20260101120000.123456+1400', '^^^^^^^^', '~~~~', '&&&', '\\X0\\', '\\F\\', '\\.br\\', 'é漢\u{1F600}', '__proto__', 'constructor', 'x'.repeat(5_000)];

/** Messages of the reference set, changed in their structure: segments moved, said twice, lost; fields and types changed. */
function mutate(text: string, random: Random): string {
  const segments = text.split(/[\r\n]+/).filter((line) => line !== '');
  for (let changes = random(5); changes > 0; changes -= 1) {
    const at = 1 + random(Math.max(segments.length - 1, 1));
    const line = segments[at];
    if (line === undefined) break;
    const kind = random(8);
    if (kind === 0) segments.splice(at, 1);
    else if (kind === 1) segments.splice(at, 0, line);
    else if (kind === 2) segments.splice(1 + random(segments.length), 0, ...segments.splice(at, 1));
    else if (kind === 3) segments.splice(at, 0, ...Array.from({ length: random(200) }, () => line));
    else if (kind === 4) segments[at] = `${['ZZZ', 'OBX', 'NTE', 'ORC', 'PV1'][random(5)] ?? 'ZZZ'}${line.slice(3)}`;
    else {
      const fields = line.split('|');
      const number = 1 + random(fields.length + 3);
      fields[number] = kind === 5 ? Array.from({ length: random(300) + 1 }, () => fields[number] ?? 'x').join('~') : values[random(values.length)] ?? '';
      segments[at] = fields.join('|');
    }
  }
  return `${segments.join('\r')}\r`;
}

/** The same sender and a control ID of its own, so that it is known and told apart. */
function addressed(text: string, id: string): string {
  const end = text.search(/[\r\n]/);
  const msh = text.slice(0, end).split('|');
  msh[2] = benchSource.application;
  msh[3] = benchSource.facility;
  msh[9] = id;
  return msh.join('|') + text.slice(end);
}

let originals: readonly string[] | undefined;
const load = (): readonly string[] => readdirSync(folder, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile()).map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8')).filter((text) => text.startsWith('MSH|')).sort();

export const hl7Target = bootedTarget((random, id) => {
  originals ??= load();
  const count = random(8) + 1;
  const chunks = Array.from({ length: count }, (_, index) => frameMllp(addressed(mutate(originals![random(originals!.length)] ?? '', random), `${id}-${index}`)));
  return { chunks, inputs: count };
});
