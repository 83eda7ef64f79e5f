import type { WorklistRow } from '@primum/contract';
import { useEffect, useLayoutEffect, useMemo, useRef, useState, type FocusEvent } from 'react';
import { frozenOrder, frozenText } from './frozen-order.ts';

export type ShownRow = { row: WorklistRow; gone: boolean };

/** A pointer left lying on the list, or a focus left in it, must not hold back an order that nobody is reading. */
const holdLimitMs = 30_000;

type Held = { rows: readonly WorklistRow[]; choice: string };

/** The present rows in the order in which `held` had them; those that left are shown as they were last seen then. */
function arrange(rows: readonly WorklistRow[], held: readonly WorklistRow[] | null): { shown: ShownRow[]; waiting: string | null } {
  if (held === null) return { shown: rows.map((row) => ({ row, gone: false })), waiting: null };
  const frozen = frozenOrder(held.map(idOf), rows.map(idOf));
  const byId = new Map([...held, ...rows].map((row) => [row.stayId, row])); // the present row wins
  return {
    shown: frozen.order.flatMap((id) => byId.get(id) ?? []).map((row) => ({ row, gone: frozen.gone.has(row.stayId) })),
    waiting: frozenText(frozen),
  };
}

const idOf = ({ stayId }: WorklistRow): string => stayId;

/**
 * Rows in the order to show. While a pointer moves or the focus acts in the list, the order stands still and `waiting`
 * says what has changed; `release` takes the present order over. `choice` names what the reader asked for: when it
 * changes, so does the order.
 */
export function useFrozenRows(rows: readonly WorklistRow[], choice: string) {
  const [held, setHeld] = useState<Held | null>(null);
  const pointerInside = useRef(false);
  const thaw = useRef<ReturnType<typeof setTimeout>>(undefined);
  const focusedStay = useRef<string | null>(null);
  const list = useRef<HTMLDivElement>(null);
  const { shown, waiting } = useMemo(() => arrange(rows, held?.choice === choice ? held.rows : null), [rows, held, choice]);

  useEffect(() => () => clearTimeout(thaw.current), []);
  // Moving a row in the document takes the focus from it: give it back to the same patient.
  useLayoutEffect(() => {
    if (focusedStay.current === null || document.activeElement !== document.body) return;
    list.current?.querySelector<HTMLElement>(`[data-stay="${CSS.escape(focusedStay.current)}"] a`)?.focus();
  }, [shown]);

  const hold = (): void => {
    clearTimeout(thaw.current);
    thaw.current = setTimeout(() => setHeld(null), holdLimitMs);
    setHeld((before) => (before !== null && before.choice === choice ? before : { rows, choice }));
  };
  const letGo = (): void => {
    if (pointerInside.current || list.current?.contains(document.activeElement) === true) return;
    clearTimeout(thaw.current);
    setHeld(null);
  };

  return {
    shown,
    waiting,
    release: (): void => setHeld((before) => (before === null ? null : { rows, choice })),
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
