import { createHash, type KeyObject } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { canonicalJson } from '@primum/base';
import { packageFiles, packageFormat, parseManifest, type Manifest, type PackageFile } from './manifest.ts';
import { signText } from './signing.ts';

export type PackageContent = Omit<Manifest, 'format' | 'files'> & { files: Record<PackageFile, Uint8Array | string> };

/**
 * Writes a signed package: all files into a new folder beside `dir`, flushed, then renamed to `dir` (an older package
 * there is replaced whole), so that nobody ever reads half of one.
 */
export async function writePackage(deps: { signingKey: KeyObject }, dir: string, content: PackageContent): Promise<Manifest> {
  const { files, ...rest } = content;
  const bytes = Object.fromEntries(packageFiles.map((name) => [name, Buffer.from(files[name])])) as Record<PackageFile, Buffer>; // its keys are packageFiles
  const manifest = parseManifest({
    ...rest,
    format: packageFormat,
    files: Object.fromEntries(packageFiles.map((name) => [name, { sha256: createHash('sha256').update(bytes[name]).digest('hex'), bytes: bytes[name].length }])),
  });
  const fresh = `${dir}.new-${process.pid}`;
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { recursive: true });
  for (const name of packageFiles) await writeFlushed(join(fresh, name), bytes[name]);
  await writeFlushed(join(fresh, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  await writeFlushed(join(fresh, 'signature.json'), `${JSON.stringify(signText(deps.signingKey, canonicalJson(manifest)), null, 2)}\n`);
  await rm(dir, { recursive: true, force: true });
  await rename(fresh, dir);
  const folder = await open(dirname(dir));
  await folder.sync();
  await folder.close();
  return manifest;
}

async function writeFlushed(path: string, content: Uint8Array | string): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}
