import { alertLifecycle, nextState, type AlertView } from '@primum/contract';
import { createContext, useContext, useMemo, useState, type ReactNode } from 'react';
import { useMay } from '../shell/use-session.ts';
import { AcknowledgeDialog } from './acknowledge-dialog.tsx';
import { SnoozeDialog } from './snooze-dialog.tsx';

export type AlertTarget = { name: string; bed: string; alert: AlertView };
export type AlertAction = 'acknowledge' | 'snooze';
type Actions = { start: (action: AlertAction, target: AlertTarget) => void; allowed: (action: AlertAction, alert: AlertView | null) => boolean };

const AlertActionsContext = createContext<Actions | null>(null);

/** Lets everything beneath it ask for an action on an alert; both actions confirm in a dialog that names the patient. */
export function AlertActionsProvider({ children }: { children: ReactNode }) {
  const mayAct = useMay('alert.act');
  const [asked, setAsked] = useState<{ action: AlertAction; target: AlertTarget } | null>(null);
  const actions = useMemo((): Actions => {
    const allowed: Actions['allowed'] = (action, alert) => mayAct && alert !== null && nextState(alertLifecycle, alert.status, action) !== undefined;
    return { allowed, start: (action, target) => { if (allowed(action, target.alert)) setAsked({ action, target }); } };
  }, [mayAct]);
  const close = (): void => setAsked(null);
  return (
    <AlertActionsContext value={actions}>
      {children}
      {asked?.action === 'acknowledge' && <AcknowledgeDialog target={asked.target} onClose={close} />}
      {asked?.action === 'snooze' && <SnoozeDialog target={asked.target} onClose={close} />}
    </AlertActionsContext>
  );
}

export function useAlertActions(): Actions {
  const actions = useContext(AlertActionsContext);
  if (actions === null) throw new Error('no alert actions around this component');
  return actions;
}
