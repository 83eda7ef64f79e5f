import { Button, Modal } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate, useRouter } from '@tanstack/react-router';
import { useEffect, useEffectEvent, useState } from 'react';
import { lastActivityMs, markActivity } from '../api/activity.ts';
import { callApi } from '../api/client.ts';

const warnMs = 60_000;
const touches = ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchstart'] as const;

/**
 * Automatic logoff (45 CFR 164.312(a)(2)(iii)): after `idleMs` without a touch in any tab the screen is cleared and the
 * session ended, a minute's warning before. By the clock, not by a timer's length, so that a machine that slept is
 * signed out when it wakes.
 */
export function IdleGuard({ idleMs }: { idleMs: number }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const router = useRouter();
  const [leftMs, setLeftMs] = useState(idleMs);
  const end = useEffectEvent(() => {
    // Cleared before the server is asked: it may be out of reach, and its own limit ends the session then.
    void navigate({ to: '/sign-in', search: { next: router.state.location.href, why: 'idle' }, replace: true }).then(() => client.clear());
    void callApi('signOut', {}).catch(() => undefined);
  });
  useEffect(() => {
    markActivity();
    let over = false;
    const look = (): void => {
      const left = lastActivityMs() + idleMs - Date.now();
      setLeftMs(left);
      if (left > 0 || over) return;
      over = true;
      end();
    };
    for (const name of touches) window.addEventListener(name, markActivity, { passive: true });
    document.addEventListener('visibilitychange', look);
    const timer = setInterval(look, 1_000);
    return () => {
      for (const name of touches) window.removeEventListener(name, markActivity);
      document.removeEventListener('visibilitychange', look);
      clearInterval(timer);
    };
  }, [idleMs]);
  return (
    <Modal opened={leftMs <= Math.min(warnMs, idleMs / 2)} onClose={markActivity} title="Still there?" withCloseButton={false}>
      <p role="alert" style={{ marginTop: 0 }}>{`Nobody has used this console for a while. In ${Math.max(0, Math.ceil(leftMs / 1_000))} s you are signed out and the screen is cleared.`}</p>
      <Button data-autofocus onClick={markActivity}>Stay signed in</Button>
    </Modal>
  );
}
