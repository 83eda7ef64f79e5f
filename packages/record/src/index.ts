export type { Fact } from './timeline/fact.ts';
export { parseCodeTable, normaliseValue, type CodeTable, type CodeEntry, type CodeSource } from './codes/code-table.ts';
export { ageAtAdmission, dateOfBirthFor } from './timeline/age-at-admission.ts';
export { readFacts, type FactQuery } from './timeline/read-facts.ts';
export { writeFacts, type NewFact } from './timeline/write-facts.ts';
export { latestReadings, type LatestReading } from './timeline/latest-readings.ts';
export { siteNow, advanceSiteClock, type SiteClock } from './clock/site-clock.ts';
export { readSites, writeSiteClock, type Site } from './clock/read-site.ts';
export { reduceStay, cancellable, type StaySummary, type IcuPeriod } from './stays/reduce-stay.ts';
export { stayFacts, stayFactChanges, type StayFact, type StayFactChange, type Demographics } from './stays/stay-facts.ts';
export { eventName, type StayEvent, type StayEventKind, type StayEventDetail, type StayLocation } from './stays/stay-event.ts';
export { readStayEvents, writeStayEvents, writeStays, type NewStayEvent, type StayRow } from './stays/stay-rows.ts';
export { joinBytes, resourceAad, sealResources, writeResources, type ResourceRow, type SealedRow } from './resources/resource-rows.ts';
export { readResource, readHistory, type StoredResource } from './resources/read-resource.ts';
export { identityOf, type PatientIdentity, type VersionedIdentity } from './patients/identity-of.ts';
export { readPatientFacts } from './patients/read-patient-facts.ts';
export { lockGroup, patientGroup } from './rights/patient-group.ts';
export { inForce, listObjections, recordObjection, refreshObjections, withdrawObjection, type StoredObjection } from './rights/objections.ts';
export { listCases, openCase, stepCase, type StoredCase } from './rights/cases.ts';
export { retentionDuty, type RetentionDuty } from './rights/retention-duty.ts';
export { recordPersonalData } from './rights/personal-data.ts';
export { recordCopy } from './rights/record-copy.ts';
export {
  factsOfKeys, factsOfMessage, groupOf, patientsOfMessage, versionsOf, versionsOfMessage, type FactOrigin, type VersionOrigin,
} from './lineage/read-origins.ts';
export { patientGroups } from './patients/patient-groups.ts';
export { households } from './patients/households.ts';
export { loadPurposeViews, viewFor } from './purpose-views/purpose-view.ts';
