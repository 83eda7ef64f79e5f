import type { FieldTrace } from './convert-message.ts';

/** How a field of a feed fares: in how many segments it held something, and in how many of those no rule took it. */
export type FieldCoverage = {
  segment: string;
  field: number;
  valued: number;
  dropped: number;
  /** Components that some message lost although the field is mapped, with how many times. */
  droppedComponents: Readonly<Record<string, number>>;
};

/** Counts over the traces of a feed, one after the other; the fields that lose most come first. */
export function createCoverage(): { add(trace: readonly FieldTrace[]): void; fields(): FieldCoverage[] } {
  const fields = new Map<string, FieldCoverage & { droppedComponents: Record<string, number> }>();
  return {
    add: (trace) => {
      for (const { segment, field, targets, unmapped } of trace) {
        const key = `${segment}-${field}`;
        const count = fields.get(key) ?? { segment, field, valued: 0, dropped: 0, droppedComponents: {} };
        count.valued += 1;
        if (targets.length === 0) count.dropped += 1;
        else for (const place of unmapped) count.droppedComponents[place] = (count.droppedComponents[place] ?? 0) + 1;
        fields.set(key, count);
      }
    },
    fields: () => [...fields.values()].sort((a, b) => b.dropped - a.dropped || a.segment.localeCompare(b.segment) || a.field - b.field),
  };
}
