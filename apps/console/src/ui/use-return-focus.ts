import { useEffect, useState } from 'react';

/** In a dialog that stands only while it is open: gives the focus back to whatever had it before. */
export function useReturnFocus(): void {
  const [opener] = useState(() => document.activeElement);
  useEffect(() => () => {
    setTimeout(() => {
      if (opener instanceof HTMLElement && document.querySelector('[role="dialog"]') === null) opener.focus();
    });
  }, [opener]);
}
