import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '@primum/base';
import { startPostgres } from '@primum/store';

export type HapiServer = { /** FHIR base. */ url: string; stop(): Promise<void> };

const source = join(import.meta.dirname, '..', 'hapi');
const port = 8_090;
const startMs = 180_000;

/**
 * A HAPI FHIR JPA server as its starter project configures it, on a PostgreSQL of the same binaries and settings as
 * Primum's own. null, with the reason on stderr, where Java, Maven or the artifacts can't be had.
 */
export async function startHapi(): Promise<HapiServer | null> {
  const classpath = classpathOf();
  if (classpath === null) return null;
  const home = mkdtempSync(join(tmpdir(), 'primum-hapi-'));
  chmodSync(home, 0o711); // PostgreSQL's user must get through
  const postgres = await startPostgres({ home: join(home, 'db'), log: silentLog });
  const sockets = join(home, 'db', 'run');
  const socket = join(sockets, readdirSync(sockets).find((name) => /^\.s\.PGSQL\.\d+$/.test(name))!); // the server listens there
  const jdbc = `jdbc:postgresql://localhost/primum?socketFactory=org.newsclub.net.unix.AFUNIXSocketFactory$FactoryArg&socketFactoryArg=${socket}&sslmode=disable`;
  const java = spawn('java', ['-Xmx4g', '-cp', `${classpath}:${source}`, join(source, 'Hapi.java'), String(port), jdbc, 'primum'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const gone = new Promise<void>((resolve) => { java.once('exit', () => resolve()); });
  const stop = async (): Promise<void> => {
    java.kill('SIGKILL'); // nothing of it is kept
    await gone;
    await postgres.stop();
    rmSync(home, { recursive: true, force: true });
  };
  const ready = await new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(false), startMs);
    void gone.then(() => resolve(false)).finally(() => clearTimeout(timer));
    java.stdout.setEncoding('utf8').on('data', (text: string) => { if (text.includes('ready')) resolve(true); });
  });
  if (!ready) {
    await stop();
    process.stderr.write('HAPI FHIR did not start: no comparison\n');
    return null;
  }
  return { url: `http://127.0.0.1:${port}/fhir`, stop };
}

/** Resolved once by Maven, kept outside the repository. */
function classpathOf(): string | null {
  const folder = process.env['PRIMUM_HAPI'] ?? join(homedir(), '.cache', 'primum-hapi');
  const file = join(folder, 'classpath');
  try {
    if (!existsSync(file)) {
      mkdirSync(folder, { recursive: true });
      execFileSync('mvn', ['-q', '-B', '-f', join(source, 'pom.xml'), 'dependency:build-classpath', `-Dmdep.outputFile=${file}`], { stdio: 'ignore', timeout: 600_000 });
    }
    execFileSync('java', ['-version'], { stdio: 'ignore' });
    return readFileSync(file, 'utf8').trim();
  } catch {
    process.stderr.write('no Java, no Maven or no artifacts: no comparison with HAPI FHIR\n');
    return null;
  }
}
