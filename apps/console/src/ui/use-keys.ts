import { useEffect, useRef } from 'react';
import { keysAreOn } from './key-switch.ts';

export type KeyMap = Readonly<Record<string, (event: KeyboardEvent) => void>>;

/**
 * Single keys while the component is on the screen. Silent where somebody types, while a dialog is open, with a
 * modifier held, and where the reader switched single keys off (WCAG 2.1.4).
 */
export function useKeys(keys: KeyMap): void {
  const current = useRef(keys);
  useEffect(() => { current.current = keys; });
  useEffect(() => {
    const listen = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || event.isComposing) return;
      if (!keysAreOn() || isTyping(event.target) || document.querySelector('[role="dialog"]') !== null) return;
      const act = current.current[event.key.length === 1 ? event.key.toLowerCase() : event.key];
      if (act === undefined) return;
      event.preventDefault();
      act(event);
    };
    document.addEventListener('keydown', listen);
    return () => document.removeEventListener('keydown', listen);
  }, []);
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}
