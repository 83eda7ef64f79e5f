import type { RightsSubject } from '@primum/contract';
import { useState } from 'react';
import { useMay } from '../shell/use-session.ts';
import { ErasuresPanel } from './erasures-panel.tsx';
import { FindSubject } from './find-subject.tsx';
import { RetentionPanel } from './retention-panel.tsx';
import { SubjectPanel } from './subject-panel.tsx';

/** Rights of the persons whose data are kept: for the privacy officer, and for the second person of an erasure. */
export function RightsPage() {
  const [mayManage, mayRetain] = [useMay('rights.manage'), useMay('retention.manage')];
  const [subject, setSubject] = useState<RightsSubject | null>(null);
  return (
    <div style={{ padding: '10px 12px 24px', display: 'grid', gap: 8 }}>
      <h1>Rights</h1>
      {mayManage && <FindSubject onFound={setSubject} />}
      {mayManage && subject !== null && <SubjectPanel key={subject.patientId} patientId={subject.patientId} />}
      <ErasuresPanel />
      {mayRetain && <RetentionPanel />}
    </div>
  );
}
