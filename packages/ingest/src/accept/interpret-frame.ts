import { decodeMessage, parseMessage, peekHeader, readHeader, type Hl7Header, type Hl7Problem } from '@primum/formats';
import type { MessageReading } from '../reading/message-reading.ts';
import { readMessage } from '../reading/read-message.ts';
import type { Source } from '../sources/source.ts';
import type { SourceDirectory } from '../sources/source-directory.ts';
import type { MessageCheck } from '../validation/check-resources.ts';

export type FrameProblem = Hl7Problem & { hl70357?: string };

/** A frame read as far as it can be without the record. A problem leaves the reading out, never the bytes. */
export type InterpretedFrame = {
  header: Hl7Header | undefined;
  source: Source | undefined;
} & ({ reading: MessageReading; problem?: undefined } | { reading?: undefined; problem: FrameProblem });

/** Bytes → text → segments → header → source → reading; stops at the first thing that is wrong. `known`: the source, whatever MSH-3 and MSH-4 say. `check`: what else is asked before it is answered. */
export async function interpretFrame(sources: SourceDirectory, frame: Buffer, known?: Source, check?: MessageCheck): Promise<InterpretedFrame> {
  const decoded = decodeMessage(frame);
  if (!decoded.ok) return { header: peekHeader(frame), source: undefined, problem: decoded.problem };
  const parsed = parseMessage(decoded.text, { charset: decoded.charset });
  if (!parsed.ok) return { header: peekHeader(frame), source: undefined, problem: parsed.problem };
  const header = readHeader(parsed.message);
  const found = known ?? sources.find(header.sendingApplication, header.sendingFacility);
  const source = found instanceof Promise ? await found : found;
  if (source === undefined) return { header, source, problem: { code: 'hl7.source-unknown', location: 'MSH^1^3' } };
  const outcome = readMessage(parsed.message, { utcOffset: source.utcOffset, defaultAuthority: source.facility });
  const problem = outcome.ok ? check?.(parsed.message, source) : outcome.problem;
  return outcome.ok && problem === undefined ? { header, source, reading: outcome.reading } : { header, source, problem: problem! }; // one of both is there
}
