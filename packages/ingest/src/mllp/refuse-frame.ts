import { buildAck, peekHeader, type FrameEvent } from '@primum/formats';

export type RefusedFrame = { code: 'hl7.frame-malformed' | 'hl7.frame-oversize'; ack: Buffer };

/**
 * The acknowledgement (AR) of bytes that are no frame. It names the control ID where the bytes hold a readable MSH, so
 * that a sender whose frame was cut off or too large knows which message it was.
 */
export function refuseFrame(deps: { now: () => Date; controlId: () => string }, event: Exclude<FrameEvent, { kind: 'frame' | 'padding' }>): RefusedFrame {
  const code = event.kind === 'oversize' ? 'hl7.frame-oversize' : 'hl7.frame-malformed';
  const header = event.kind === 'stray' ? undefined : peekHeader(event.kind === 'oversize' ? event.head : event.bytes);
  const text = buildAck({ header, controlId: deps.controlId(), at: deps.now(), error: { code, detail: details[event.kind] } });
  return { code, ack: Buffer.from(text) };
}

const details = {
  malformed: 'a frame was cut off before <FS><CR>',
  oversize: 'the frame is longer than the limit of this listener',
  stray: 'bytes outside <VT> and <FS><CR>',
} as const;
