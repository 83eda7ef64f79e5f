import { buildSegment, type FieldInput } from '@primum/formats';
import { isBatch, splitBatch } from './split-batch.ts';

type Accept = (frame: Buffer, connection: { remote: string }) => Promise<Buffer>;

/** Messages in one batch over a connection; a longer one comes as a file. */
const maxMessages = 10_000;
/** As many as a connection may have unanswered: they are committed together. */
const atOnce = 64;

/**
 * A listener's `accept` that takes batches too: each message is accepted by itself, in order, and the answer is a batch of
 * their acknowledgements (HL7 2.5.1, section 2.10.3.2) whose BTS-1 counts them. BTS-2 says where the sender's own counts differ.
 */
export function acceptBatches(accept: Accept): Accept {
  return async (frame, connection) => {
    if (!isBatch(frame)) return accept(frame, connection);
    const { messages, mismatches } = splitBatch(frame);
    const taken = messages.slice(0, maxMessages);
    const answers: Buffer[] = [];
    for (let at = 0; at < taken.length; at += atOnce) answers.push(...await Promise.all(taken.slice(at, at + atOnce).map((message) => accept(message, connection))));
    const comments = [
      ...mismatches.map(({ trailer, said, found }) => `${trailer}-1 says ${said}, there were ${found}`),
      ...(taken.length < messages.length ? [`${messages.length - taken.length} messages beyond ${maxMessages} were not taken`] : []),
    ];
    const trailer: FieldInput[] = [String(answers.length), ...(comments.length === 0 ? [] : [comments.join('; ')])];
    return Buffer.concat([Buffer.from('BHS|^~\\&|PRIMUM|PRIMUM\r'), ...answers, Buffer.from(`${buildSegment(['BTS', ...trailer])}\r`)]);
  };
}
