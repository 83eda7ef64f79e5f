/** Run as a process: sends Synthea's transaction Bundles under new identities. Told of tokens by messages of its parent. */
import { readdirSync, readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

export type Sent = { resources: number; bundles: number; failed: number; seconds: number };
type Task = { folder: string; url: string; connections: number; resources: number; firstCopy: number; token: string | null };

process.on('message', (message: { task?: Task; token?: string }) => {
  if (message.token !== undefined) token = message.token;
  if (message.task !== undefined) void run(message.task).then((sent) => process.send!(sent, () => process.exit(0)));
});
let token: string | null = null;

async function run(task: Task): Promise<Sent> {
  token = task.token;
  const bundles = readdirSync(task.folder).filter((name) => name.endsWith('.json.gz')).map((name) => {
    const text = gunzipSync(readFileSync(join(task.folder, name))).toString();
    return { text, resources: (JSON.parse(text) as { entry: unknown[] }).entry.length }; // Synthea's
  });
  const agent = new Agent({ keepAlive: true, maxSockets: task.connections });
  const total = { resources: 0, bundles: 0, failed: 0 };
  let planned = 0;
  let next = 0;
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: task.connections }, async () => {
    while (planned < task.resources) {
      const { text, resources } = bundles[next % bundles.length]!;
      const copy = task.firstCopy + Math.floor(next / bundles.length);
      next += 1;
      planned += resources;
      const { status, said } = await post(task.url, agent, renamed(text, copy));
      if (status === 200) {
        total.resources += resources;
        total.bundles += 1;
      } else {
        total.failed += 1;
        if (total.failed < 4) process.stderr.write(`a Bundle was answered ${status}: ${said.slice(0, 500)}\n`);
      }
      if (total.bundles % 100 === 0) process.stderr.write(`${total.resources} resources, ${Math.round(total.resources / (performance.now() - startedAt) * 1_000)}/s\n`);
    }
  }));
  return { ...total, seconds: (performance.now() - startedAt) / 1_000 };
}

/** Every UUID of the text made another by the number of the copy: identifiers and links alike. */
function renamed(text: string, copy: number): string {
  const mark = copy.toString(16).padStart(4, '0').slice(-4);
  return text.replace(/([0-9a-f]{4})[0-9a-f]{4}(-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})/g, `$1${mark}$2`);
}

function post(url: string, agent: Agent, body: string): Promise<{ status: number; said: string }> {
  const payload = Buffer.from(body);
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      method: 'POST', agent, headers: { 'content-type': 'application/fhir+json', 'content-length': payload.length, prefer: 'return=minimal', ...(token === null ? {} : { authorization: `Bearer ${token}` }) },
    }, (response) => {
      let said = '';
      response.setEncoding('utf8').on('data', (chunk: string) => { if (said.length < 2_000) said += chunk; }).on('end', () => resolve({ status: response.statusCode ?? 0, said }));
    });
    sent.on('error', reject).end(payload);
  });
}
