export type { Fact } from './timeline/fact.ts';
export { parseCodeTable, normaliseValue, type CodeTable, type CodeEntry, type CodeSource } from './codes/code-table.ts';
export { ageAtAdmission, dateOfBirthFor } from './timeline/age-at-admission.ts';
