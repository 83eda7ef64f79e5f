import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { hl7 } from './hl7.ts';

const message = ['MSH|^~\\&|LAB|NORTH|EHR|NORTH|20260102||ADT^A01|M1|P|2.5', 'PID|1||4711^^^A^MR||SECRETNAME^JANE||19800229|F', 'ZPV|1|SECRETWARD', 'PV1|1|I|ICU^1^A||||77^SECRETDOCTOR'].join('\r');

let folder: string;
let printed: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hl7-explain-'));
  printed = '';
  vi.spyOn(console, 'log').mockImplementation((text: string) => { printed += `${text}\n`; });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});

describe('primum hl7 explain', () => {
  it('names element and rule of each field, and what is not mapped, without values', async () => {
    await writeFile(join(folder, 'one.hl7'), message);
    await hl7(['explain', join(folder, 'one.hl7'), '--home', folder]);
    expect(printed).toMatch(/^PID\^1\^5 +Patient\.name\[\] {2}\(PID-5\)$/m);
    expect(printed).toMatch(/^ZPV\^1\^2 +not mapped$/m);
    expect(printed).toContain('read by no rule: ZPV');
    expect(printed).not.toMatch(/SECRET|4711|1980/);
  });

  it('gives the trace as JSON without values, and the bundle only with them', async () => {
    await writeFile(join(folder, 'one.hl7'), message);
    await hl7(['explain', join(folder, 'one.hl7'), '--json', '--home', folder]);
    expect(printed).not.toMatch(/SECRET|4711|1980/);
    expect(JSON.parse(printed)).not.toHaveProperty('bundle');
    printed = '';
    await hl7(['explain', join(folder, 'one.hl7'), '--json', '--values', '--home', folder]);
    expect(JSON.parse(printed)).toMatchObject({ bundle: { resourceType: 'Bundle', type: 'collection' } });
  });

  it('counts what a folder loses, and what in it is no message', async () => {
    await writeFile(join(folder, 'two.hl7'), `${message}\r${message}`);
    await writeFile(join(folder, 'note.txt'), 'SECRET');
    await hl7(['explain', folder, '--home', folder]);
    expect(printed).toMatch(/^ZPV-2 +dropped 2 of 2$/m);
    expect(printed).toMatch(/2 messages; .* 1 could not be read\.$/m);
    expect(printed).not.toContain('SECRET');
  });

  it('refuses a file that is not there or no message, by code', async () => {
    await writeFile(join(folder, 'note.txt'), 'SECRET');
    await expect(hl7(['explain', join(folder, 'none'), '--home', folder])).rejects.toMatchObject({ code: 'import.file-unreadable' });
    await expect(hl7(['explain', join(folder, 'note.txt'), '--home', folder])).rejects.toMatchObject({ code: 'hl7.msh-missing' });
    await expect(hl7(['explain'])).rejects.toMatchObject({ code: 'config.usage' });
  });
});
