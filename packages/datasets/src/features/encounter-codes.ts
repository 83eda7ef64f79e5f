/**
 * Codes of the facts that are no measurement. Events carry value 1 at the instant they became true; comfort care
 * carries 1 when it starts and 0 when it is withdrawn; the ICU's type is text (MICU, SICU).
 */
export const encounterCodes = {
  ageYears: '30525-0',
  sex: '46098-0',
  hospitalAdmit: 'primum:hospital-admit',
  icuAdmit: 'primum:icu-admit',
  icuDischarge: 'primum:icu-discharge',
  death: 'primum:death',
  comfortCare: 'primum:comfort-care',
  unit: 'primum:unit',
} as const;
