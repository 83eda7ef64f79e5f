import { useMay } from '../shell/use-session.ts';
import { AgreementsPanel } from './agreements-panel.tsx';
import { BreachesPanel } from './breaches-panel.tsx';
import styles from './evidence.module.css';
import { NewestPack } from './newest-pack.tsx';
import { ResidencyPanel } from './residency-panel.tsx';

/** What an auditor asks for: with whom data are shared and under which agreement, where they lie, what went wrong and what was done. */
export function EvidencePage() {
  const mayInvestigate = useMay('breach.investigate');
  return (
    <div className={styles['page']}>
      <h1>Evidence</h1>
      <p className={styles['lead']}>
        The whole pack, with every proof run anew, is written by <code>primum evidence --out DIR</code>.
        Evidence is no judgement: whether it is enough is for people to say.
      </p>
      <NewestPack />
      <AgreementsPanel />
      <ResidencyPanel />
      {mayInvestigate && <BreachesPanel />}
    </div>
  );
}
