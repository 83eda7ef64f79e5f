/**
 * The other end of the end-to-end bench, a process of its own: told by its parent where and what to send, it keeps to
 * its times whatever the answers do (an open loop), and tells when each message's first byte was written.
 */
import { connectMllp } from '@primum/ingest';

export type SenderTask = { port: number; connections: number; messages: { controlId: string; text: string; atMs: number; lane: number }[] };
/** Instants by the machine's monotonic clock, ns as text; `ack` is MSA-1 or an error's code. */
export type SenderReport = { controlId: string; sentNs: string; ack: string }[];

process.once('message', (task: SenderTask) => {
  void run(task).then((report) => process.send?.(report, () => process.exit(0)));
});

async function run({ port, connections, messages }: SenderTask): Promise<SenderReport> {
  const clients = await Promise.all(Array.from({ length: connections }, () => connectMllp({ host: '127.0.0.1', port, pipelining: 256 })));
  const startedAt = performance.now();
  const answers: Promise<SenderReport[number]>[] = [];
  for (const { controlId, text, atMs, lane } of messages) {
    const waitMs = startedAt + atMs - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    const sentNs = String(process.hrtime.bigint());
    answers.push(clients[lane % connections]!.send(text).then( // lane % connections is within them
      (answer) => ({ controlId, sentNs, ack: /\rMSA\|(\w+)/.exec(answer.toString('latin1'))?.[1] ?? 'none' }),
      () => ({ controlId, sentNs, ack: 'failed' }),
    ));
  }
  const report = await Promise.all(answers);
  await Promise.all(clients.map((client) => client.close()));
  return report;
}
