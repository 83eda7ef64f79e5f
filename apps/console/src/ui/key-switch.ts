const storageKey = 'primum-single-keys';

/** Whether single keys act. On unless this browser's reader switched them off. */
export function keysAreOn(): boolean {
  try {
    return localStorage.getItem(storageKey) !== 'off';
  } catch {
    return true; // storage can be refused; keys then stay on
  }
}

export function switchKeys(on: boolean): void {
  try {
    localStorage.setItem(storageKey, on ? 'on' : 'off');
  } catch {
    // Storage can be refused; the switch then has no effect.
  }
}
