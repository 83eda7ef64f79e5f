import type { WorklistRow } from '@primum/contract';
import { useEffect, useLayoutEffect, useMemo, useRef, useState, type FocusEvent } from 'react';
import { frozenOrder, frozenText } from './frozen-order.ts';

export type ShownRow = { row: WorklistRow; gone: boolean };

/** A pointer left lying on the list, or a focus left in it, must not hold back an order that nobody is reading. */
const holdLimitMs = 30_000;

/**
 * Rows in the order to show. While a pointer moves or the focus acts in the list, the order stands still and `waiting`
 * says what has changed; `release` takes the present order over. `choice` names what the reader asked for: when it
 * changes, so does the order.
 */
export function useFrozenRows(rows: readonly WorklistRow[], choice: string) {
  const present = useMemo(() => rows.map(({ stayId }) => stayId), [rows]);
  const [held, setHeld] = useState<{ ids: string[]; choice: string } | null>(null);
  const lastSeen = useRef(new Map<string, WorklistRow>());
  const pointerInside = useRef(false);
  const thaw = useRef<ReturnType<typeof setTimeout>>(undefined);
  const focusedStay = useRef<string | null>(null);
  const list = useRef<HTMLDivElement>(null);

  const frozen = held !== null && held.choice === choice ? frozenOrder(held.ids, present) : null;
  const order = frozen?.order ?? present;
  const shown = useMemo(() => {
    const current = new Map(rows.map((row) => [row.stayId, row]));
    return order.flatMap((id): ShownRow[] => {
      const row = current.get(id) ?? lastSeen.current.get(id);
      return row === undefined ? [] : [{ row, gone: !current.has(id) }];
    });
  }, [rows, order.join(' ')]);

  useEffect(() => { lastSeen.current = new Map(shown.map(({ row }) => [row.stayId, row])); }, [shown]);
  useEffect(() => () => clearTimeout(thaw.current), []);
  // Moving a row in the document takes the focus from it: give it back to the same patient.
  useLayoutEffect(() => {
    if (focusedStay.current === null || document.activeElement !== document.body) return;
    list.current?.querySelector<HTMLElement>(`[data-stay="${CSS.escape(focusedStay.current)}"] a`)?.focus();
  }, [shown]);

  const hold = (): void => {
    clearTimeout(thaw.current);
    thaw.current = setTimeout(() => setHeld(null), holdLimitMs);
    setHeld((before) => (before !== null && before.choice === choice ? before : { ids: present, choice }));
  };
  const letGo = (): void => {
    if (pointerInside.current || list.current?.contains(document.activeElement) === true) return;
    clearTimeout(thaw.current);
    setHeld(null);
  };

  return {
    shown,
    waiting: frozen === null ? null : frozenText(frozen),
    release: (): void => setHeld((before) => (before === null ? null : { ids: present, choice })),
    listProps: {
      ref: list,
      onPointerMove: () => {
        pointerInside.current = true;
        hold();
      },
      onPointerLeave: () => {
        pointerInside.current = false;
        letGo();
      },
      onKeyDown: hold,
      onFocus: (event: FocusEvent<HTMLElement>) => {
        focusedStay.current = event.target.closest<HTMLElement>('[data-stay]')?.dataset['stay'] ?? null;
        hold();
      },
      // Later, since a row that moves in the document loses the focus for a moment and gets it back.
      onBlur: () => setTimeout(() => {
        if (list.current?.contains(document.activeElement) === true) return;
        focusedStay.current = null;
        letGo();
      }),
    },
  };
}
