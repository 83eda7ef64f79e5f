import { ActionIcon, Button, useComputedColorScheme, useMantineColorScheme } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Link, Outlet, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { callApi } from '../api/client.ts';
import { ConnectionProvider } from '../connection/connection-provider.tsx';
import { EmergencyBanner } from '../emergency/emergency-banner.tsx';
import { ReviewCount } from '../reviews/review-count.tsx';
import { useKeys } from '../ui/use-keys.ts';
import styles from './app-shell.module.css';
import { DemonstrationNote } from './demonstration-note.tsx';
import { HelpOverlay } from './help-overlay.tsx';
import { IdleGuard } from './idle-guard.tsx';
import { placesFor } from './places.ts';
import { StepUp } from './step-up.tsx';
import { useSession } from './use-session.ts';

/** The frame of every page behind sign-in: where one may go, who one is, light or dark, the keys. */
export function AppShell() {
  const session = useSession();
  const [helpOpen, setHelpOpen] = useState(false);
  useKeys({ '?': () => setHelpOpen(true) });
  return (
    <ConnectionProvider>
      <a className={styles.skip} href="#page">Skip to the page</a>
      <header className={styles.header}>
        <Link to="/" className={styles.brand}>Primum</Link>
        <nav className={styles.nav} aria-label="Pages">
          {placesFor(session).map(({ to, label }) => <Link key={to} to={to} activeProps={{ 'aria-current': 'page' }}>{label}{to === '/reviews' && <ReviewCount />}</Link>)}
        </nav>
        <DemonstrationNote mode={session.mode} />
        <Link to="/account" className={styles.who} title="Your factors, sessions and password">{session.displayName} <span className="quiet">{session.role.replaceAll('-', ' ')}</span></Link>
        <SchemeToggle />
        <ActionIcon variant="default" aria-label="Keys and help" title="Keys and help (?)" onClick={() => setHelpOpen(true)}>?</ActionIcon>
        <SignOut />
      </header>
      <EmergencyBanner />
      <main id="page" className={styles.page} tabIndex={-1}><Outlet /></main>
      <IdleGuard idleMs={session.idleMs} />
      <StepUp />
      <HelpOverlay opened={helpOpen} onClose={() => setHelpOpen(false)} />
    </ConnectionProvider>
  );
}

function SchemeToggle() {
  const { setColorScheme } = useMantineColorScheme({ keepTransitions: false });
  const scheme = useComputedColorScheme('dark', { getInitialValueInEffect: false });
  const other = scheme === 'dark' ? 'light' : 'dark';
  return <Button variant="default" onClick={() => setColorScheme(other)}>{other === 'dark' ? 'Dark' : 'Light'}</Button>;
}

function SignOut() {
  const navigate = useNavigate();
  const client = useQueryClient();
  const signOut = useMutation({
    mutationFn: () => callApi('signOut', {}),
    async onSuccess() {
      await navigate({ to: '/sign-in' });
      client.clear();
    },
  });
  return <Button variant="default" loading={signOut.isPending} onClick={() => signOut.mutate()}>{signOut.isError ? 'Sign out again' : 'Sign out'}</Button>;
}
