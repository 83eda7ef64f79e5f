import { byPeople, shown, type Framework } from './control.ts';

export const cfr11: Framework = {
  id: 'cfr11', name: '21 CFR Part 11, electronic records and signatures', source: '21 CFR Part 11',
  controls: [
    shown('11.10(a)', 'Validated; altered records are discerned', ['audit-tamper', 'prediction-replay', 'encryption-at-rest'], 'Alterations are named; scores are rebuilt bit for bit', 'Validation of the system where it is used'),
    shown('11.10(b)', 'Copies that people and machines can read', ['rights-drill'], 'FHIR R4, and the log with a verifier that needs only Node'),
    shown('11.10(c)', 'Kept and found through their time', ['restore-drill', 'backup-freshness'], 'Restored and compared row by row', 'The period'),
    shown('11.10(d)', 'Access for the authorised', ['decision-matrix', 'authorization-walk'], 'Refused by default'),
    shown('11.10(e)', 'Audit trails with time, by the computer', ['audit-verify', 'audit-tamper', 'access-account'], 'Written with each effect in one transaction, verifiable outside; earlier versions stay'),
    shown('11.10(f)', 'Steps in their order', ['erase-drill'], 'A lifecycle is one table of transitions; steps out of order are refused', 'Procedures outside'),
    shown('11.10(g)', 'Only the authorised sign or operate', ['second-factor', 'decision-matrix'], 'Second factor and policy'),
    shown('11.10(h)', 'Devices are checked', ['transport-refusal'], 'HL7 senders are known, with certificates over TLS', 'Which devices'),
    byPeople('11.10(i)', 'People are trained', 'The hospital’s'),
    byPeople('11.10(j)', 'People answer for what they sign', 'Written policies of the hospital'),
    shown('11.10(k)', 'Documentation is controlled', ['software-inventory'], 'Documentation is versioned with the software', 'The hospital’s own'),
    shown('11.30', 'Open systems: also encryption', ['transport-refusal', 'encryption-at-rest'], 'TLS on the way, sealed at rest'),
    shown('11.50', 'A signature shows name, time and meaning', ['erase-drill', 'audit-verify'], 'Approvals hold person, time and kind on the log', 'Primum’s approvals are no handwritten signatures; where one is needed, the hospital’s procedure'),
    shown('11.70', 'A signature can’t be moved to another record', ['audit-tamper', 'erase-drill'], 'Receipts and checkpoints are signed over their content'),
    shown('11.100(a)', 'A signature is one person’s', ['second-factor'], 'Names are never given again; factors belong to one account', 'That identities were checked'),
    byPeople('11.100(b)–(c)', 'Identity verified; the agency told', 'The hospital’s'),
    shown('11.200(a)', 'Two components, used by their owner', ['second-factor'], 'Password and second factor; a fresh proof for what cannot be undone'),
    shown('11.300(a)–(b)', 'Codes and passwords are unique and renewed', ['second-factor', 'lock-out-and-logoff'], 'One-time passwords are changed at first use; codes work once', 'Periodic renewal, where a policy asks for it'),
    shown('11.300(c)', 'Lost devices are made worthless', ['revocation-latency'], 'Disabled within a second; factors are reset', 'That losses are reported'),
    shown('11.300(d)', 'Misuse is prevented and reported at once', ['lock-out-and-logoff', 'care-relationship'], 'Guessing locks; emergency and unusual access goes to review', 'The reporting line'),
    byPeople('11.300(e)', 'Devices are tested', 'The operator’s'),
  ],
};
