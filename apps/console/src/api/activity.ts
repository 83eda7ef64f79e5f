const storageKey = 'primum-last-activity';
/** Written at most this often; pointers move all the time. */
const writeEveryMs = 2_000;

/** When a person last touched this console in any of its tabs, ms since 1970. Where storage is refused: now, so the server's own limit decides. */
export function lastActivityMs(): number {
  try {
    return Number(localStorage.getItem(storageKey) ?? 0);
  } catch {
    return Date.now();
  }
}

export function markActivity(): void {
  try {
    if (Date.now() - lastActivityMs() > writeEveryMs) localStorage.setItem(storageKey, String(Date.now()));
  } catch {
    // Storage can be refused; see above.
  }
}
