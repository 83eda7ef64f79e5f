import { messageKinds, type MessageKind } from './device-reading.ts';

/** `primum/v1/DEVICE/KIND`, the only topics there are. */
export function readTopic(topic: string): { deviceId: string; kind: MessageKind } | undefined {
  const [, deviceId, word] = /^primum\/v1\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/([a-z]+)$/.exec(topic) ?? [];
  const kind = messageKinds.find((one) => one === word);
  return deviceId === undefined || kind === undefined ? undefined : { deviceId, kind };
}
