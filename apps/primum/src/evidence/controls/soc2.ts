import { byPeople, shown, type Framework } from './control.ts';

export const soc2: Framework = {
  id: 'soc2', name: 'SOC 2, common criteria CC6 to CC8', source: 'AICPA Trust Services Criteria (2017, points of focus 2022)',
  controls: [
    shown('CC6.1', 'Logical access to information', ['decision-matrix', 'authorization-walk', 'second-factor', 'encryption-at-rest', 'key-rotation'], 'Refused by default, second factors, sealed content, rotated keys'),
    shown('CC6.2', 'People are registered before they get in, and removed', ['revocation-latency', 'second-factor'], 'One-time password, enrolment, end within a second', 'Who approves'),
    shown('CC6.3', 'Rights by role, changed in time', ['decision-matrix', 'care-relationship', 'revocation-latency'], 'Roles and units decide; separation of who asks and who approves an erasure'),
    byPeople('CC6.4', 'Physical access', 'The operator’s'),
    shown('CC6.5', 'Nothing readable is left on what is given up', ['encryption-at-rest', 'erase-drill'], 'Content is sealed; destroyed keys leave copies unreadable', 'Media'),
    shown('CC6.6', 'Against what comes from outside', ['authorization-walk', 'transport-scan', 'transport-refusal', 'lock-out-and-logoff'], 'Nobody gets an answer without a sign-in; TLS only', 'Firewalls'),
    shown('CC6.7', 'Information on the move', ['transport-refusal', 'data-flows'], 'TLS only; ways out are listed and held against agreements'),
    byPeople('CC6.8', 'Harmful software', 'Of the machines; installs of Primum run no scripts of packages'),
    shown('CC7.1', 'Changes of configuration and weaknesses are noticed', ['software-inventory'], 'Versions and digests', 'Scanning for known weaknesses'),
    shown('CC7.2', 'Anomalies are noticed', ['care-relationship', 'audit-verify'], 'Emergency and unusual access goes to a queue; the log is verified', 'That somebody looks'),
    shown('CC7.3, CC7.4', 'Events are judged and answered', ['breach-drill'], 'A case with steps, affected people and dates', 'The people who judge'),
    shown('CC7.5', 'Recovering', ['restore-drill', 'backup-freshness'], 'Restored in a measured time'),
    shown('CC8.1', 'Changes are authorised, tested and recorded', ['software-inventory', 'decision-matrix', 'prediction-replay'], 'Signed model packages; policies under test; scores rebuilt', 'Approval of a change by the organisation'),
  ],
};
