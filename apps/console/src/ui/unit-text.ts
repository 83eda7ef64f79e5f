/** UCUM codes whose print form (the standard's c/s and print columns) differs from what a ward reads. */
const printed: Readonly<Record<string, string>> = {
  Cel: '°C', 'mm[Hg]': 'mmHg', '10*3/uL': '×10³/µL', '10*9/L': '×10⁹/L', '10*6/uL': '×10⁶/µL', 'ug/L': 'µg/L', 'umol/L': 'µmol/L',
  '[IU]/L': 'IU/L', '{ratio}': '', '1': '',
};

/** A unit as a ward reads it. */
export const unitText = (ucum: string): string => printed[ucum] ?? ucum;
