/** Who does what, by area: the software, who runs the machines, and the hospital. docs/shared-responsibility.md says the same, held by a test. */
export const sharedResponsibility: readonly { area: string; primum: string; operator: string; hospital: string }[] = [
  { area: 'Identity', primum: 'Names, passwords, second factors, sessions, lock-out; another issuer’s sign-ins', operator: 'Clocks; the other issuer’s availability', hospital: 'Who is who; hiring and leaving told at once' },
  { area: 'Access', primum: 'Decides each request by policy, by default no; care relationship; emergency access to review', operator: 'Nobody else reaches database, keys and machine', hospital: 'Roles and units; own policies; looking at the queue' },
  { area: 'Encryption', primum: 'Seals content, TLS beyond the machine, rotates keys', operator: 'Certificates; master key or OpenBao/Vault; disks', hospital: 'Who may hold keys' },
  { area: 'Audit', primum: 'A log written with each effect, signed, verifiable outside', operator: 'Copies of checkpoints where the database’s administrators have no access', hospital: 'Reading it; keeping it six years; witnesses' },
  { area: 'Backup and recovery', primum: 'Sealed backups, restore, drill', operator: 'Schedule, place apart from the keys, a second machine', hospital: 'How much may be lost and how long it may take; downtime procedures' },
  { area: 'Patients’ rights', primum: 'Copy, restriction, rectification, objection, erasure, account of disclosures', operator: 'Backups of keys kept for days only', hospital: 'Identification, decisions, answers in time, recipients told' },
  { area: 'Retention', primum: 'Carries out a schedule, stops at holds', operator: 'Disposal of media', hospital: 'The periods; legal holds' },
  { area: 'Incidents', primum: 'From a compromised account, app or key to people and dates', operator: 'Notices of incidents beneath; preserving machines', hospital: 'Assessment, authority, people, media' },
  { area: 'Agreements and places', primum: 'Register of agreements, flows without one, regions refused', operator: 'Says truly where each store lies', hospital: 'Contracts; allowed regions; transfers' },
  { area: 'Software and changes', primum: 'Pinned dependencies, no install scripts, migrations, signed model packages', operator: 'Updates of system, database and Node; tests before production', hospital: 'Approval of changes; validation in its own setting' },
  { area: 'Clinical use', primum: 'Explains, withholds when inputs are too old, can rebuild each score', operator: 'Feeds and their mappings', hospital: 'Local calibration, silent run, training, staff who decide' },
];
