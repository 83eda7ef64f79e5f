const pattern = /(?:^|\/)([A-Z][A-Za-z]+)\/([A-Za-z0-9.-]{1,64})(?:\/_history\/[^/]+)?$/;

/** The resource of this record that a literal reference names: `Type/id`, with or without a server before and a version after. */
export function targetOf(reference: unknown): { type: string; id: string } | null {
  if (typeof reference !== 'string') return null;
  const parts = pattern.exec(reference);
  return parts === null || (reference[0] !== parts[1]![0] && !/^https?:/.test(reference)) ? null : { type: parts[1]!, id: parts[2]! };
}
