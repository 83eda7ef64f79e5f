import { connect } from 'node:net';
import { component, createMllpFramer, frameMllp, parseMessage, segmentNamed } from '@primum/formats';

export type Acknowledgement = { ack: string; controlId: string; code: string; condition: string; text: string };

/**
 * Writes bytes to a listener as they are and gives its answers: `count` of them, or fewer when it ends the connection
 * before. `end`: our side is ended after the bytes.
 */
export function sendRaw(port: number, bytes: Buffer | string, { count, end = false }: { count: number; end?: boolean }): Promise<Acknowledgement[]> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    const framer = createMllpFramer({ maxFrameBytes: 1024 * 1024 });
    const answers: Acknowledgement[] = [];
    const timer = setTimeout(() => socket.destroy(new Error(`${answers.length} of ${count} answers in time`)), 30_000);
    socket.on('data', (chunk) => {
      for (const event of framer.push(chunk)) if (event.kind === 'frame') answers.push(readAck(event.bytes));
      if (answers.length >= count) socket.end();
    }).on('error', reject).on('close', () => {
      clearTimeout(timer);
      resolve(answers);
    });
    socket.write(bytes);
    if (end) socket.end();
  });
}

export const framed = (content: Buffer | string): Buffer => frameMllp(content);

export function readAck(bytes: Buffer): Acknowledgement {
  const text = bytes.toString();
  const parsed = parseMessage(text);
  if (!parsed.ok) throw new Error('an acknowledgement is no message');
  const [msa, err] = [segmentNamed(parsed.message, 'MSA'), segmentNamed(parsed.message, 'ERR')];
  return {
    ack: msa === undefined ? '' : component(msa, 1), controlId: msa === undefined ? '' : component(msa, 2),
    code: err === undefined ? '' : component(err, 5), condition: err === undefined ? '' : component(err, 3), text,
  };
}
