import type { Illness } from './course.ts';
import type { WardPatient } from './patient.ts';
import type { Random } from './random.ts';

/** One value as a device or laboratory sends it: its local code, local unit and its own precision. */
export type Sent = { code: string; name: string; text: string; unit: string; range?: string };

const sent = (code: string, name: string, value: number, decimals: number, unit: string, range?: string): Sent => ({
  code, name, text: value.toFixed(decimals), unit, ...(range === undefined ? {} : { range }),
});
const within = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));

/** What a bedside monitor reports: SpO2, arterial line, ECG, and each hour a temperature. */
export function vitalSigns(random: Random, patient: WardPatient, illness: Illness, withTemperature: boolean): Sent[] {
  const { inflammation, shock, respiratory, bleeding, pain } = illness;
  const heartRate = 80 + patient.normal.heartRate + 24 * inflammation + 20 * shock + 26 * bleeding + 12 * pain + 8 * respiratory + 2.5 * random.normal();
  const breathing = 16 + patient.normal.breathing + 8 * inflammation + 5 * shock + 8 * respiratory + 2 * pain + 1.2 * random.normal();
  const saturation = 97.5 - 3 * inflammation - 4.5 * respiratory - 1.5 * shock + 0.8 * random.normal();
  const meanPressure = 84 + patient.normal.meanPressure - 20 * shock - 8 * inflammation - 9 * bleeding + 6 * pain + 2.5 * random.normal();
  const pulsePressure = 46 - 14 * shock + 2 * random.normal();
  const temperature = 36.8 + 1.9 * inflammation - 0.4 * bleeding + 0.3 * pain + 0.12 * random.normal();
  const values = [
    sent('HR', 'Heart rate', within(heartRate, 35, 190), 0, 'bpm'),
    sent('RR', 'Respiratory rate', within(breathing, 6, 50), 0, 'rpm'),
    sent('SPO2', 'SpO2', within(saturation, 72, 100), 0, '%'),
    sent('ABPS', 'Arterial pressure systolic', within(meanPressure + (2 / 3) * pulsePressure, 50, 230), 0, 'mmHg'),
    sent('ABPD', 'Arterial pressure diastolic', within(meanPressure - pulsePressure / 3, 25, 130), 0, 'mmHg'),
    sent('ABPM', 'Arterial pressure mean', within(meanPressure, 32, 160), 0, 'mmHg'),
  ];
  if (withTemperature) values.push(sent('TEMP', 'Temperature', within(temperature, 33, 42), 1, 'C'));
  return values;
}

/** A probe that slipped, a line being flushed: values no patient has, as monitors send them. */
export function artefact(random: Random, values: readonly Sent[]): Sent[] {
  const [code, text] = random.pick([['SPO2', '12'], ['ABPM', '299'], ['HR', '0']] as const);
  return values.map((value) => (value.code === code ? { ...value, text } : value));
}

export const panels = ['chemistry', 'blood-count', 'blood-gas', 'liver'] as const;
export type Panel = (typeof panels)[number];

export function laboratoryPanel(random: Random, patient: WardPatient, illness: Illness, panel: Panel): Sent[] {
  const { inflammation, shock, respiratory, bleeding } = illness;
  const noise = (sd: number): number => sd * random.normal();
  switch (panel) {
    case 'chemistry': {
      const creatinine = Math.max(0.4, 0.9 + patient.normal.creatinine + 0.9 * shock + 0.5 * inflammation + noise(0.06));
      return [
        sent('K', 'Potassium', within(4.1 + 0.5 * shock + noise(0.25), 2.6, 7), 1, 'mmol/L', '3.5-5.1'),
        sent('CL', 'Chloride', within(104 + noise(2.5), 85, 125), 0, 'mmol/L', '98-107'),
        sent('CO2', 'Bicarbonate', within(24.5 - 6 * shock - 2 * inflammation + noise(1.2), 8, 40), 0, 'mmol/L', '22-29'),
        sent('BUN', 'Urea nitrogen', within(15 + 18 * (creatinine - 0.8) + noise(2), 4, 120), 0, 'mg/dL', '7-20'),
        sent('CREA', 'Creatinine', creatinine, 2, 'mg/dL', '0.6-1.2'),
        sent('GLU', 'Glucose', within(128 + 40 * inflammation + 20 * shock + noise(16), 55, 420), 0, 'mg/dL', '70-140'),
        sent('CA', 'Calcium', within(8.7 - 0.8 * inflammation + noise(0.3), 6, 12), 1, 'mg/dL', '8.6-10.2'),
        sent('MG', 'Magnesium', within(2.0 + noise(0.2), 1, 4), 1, 'mg/dL', '1.6-2.6'),
      ];
    }
    case 'blood-count': {
      const haemoglobin = within(11.2 + patient.normal.haemoglobin - 3 * bleeding - 0.6 * inflammation + noise(0.3), 5, 18);
      return [
        sent('WBC', 'Leukocytes', within(9.2 + 10 * inflammation + 2 * illness.pain + noise(1), 1, 45), 1, 'K/uL', '4.0-11.0'),
        sent('HGB', 'Hemoglobin', haemoglobin, 1, 'g/dL', '12.0-16.0'),
        sent('HCT', 'Hematocrit', haemoglobin * 3 + noise(0.6), 1, '%', '36-48'),
        sent('PLT', 'Platelets', within(215 - 90 * inflammation - 40 * bleeding + noise(18), 15, 700), 0, 'K/uL', '150-400'),
      ];
    }
    case 'blood-gas':
      return [
        sent('PH', 'pH arterial', within(7.39 - 0.12 * shock - 0.03 * respiratory + noise(0.02), 6.9, 7.6), 2, '', '7.35-7.45'),
        sent('PCO2', 'pCO2 arterial', within(40 + 8 * respiratory - 7 * inflammation + noise(2.5), 20, 90), 0, 'mmHg', '35-45'),
        sent('BE', 'Base excess', within(0 - 7 * shock - 2 * inflammation + noise(1), -20, 15), 1, 'mmol/L', '-2.0-2.0'),
        sent('LAC', 'Lactate', within(1.2 + 2.6 * shock + 1.1 * inflammation + 1.6 * bleeding + Math.abs(noise(0.25)), 0.4, 15), 1, 'mmol/L', '0.5-2.0'),
        sent('FIO2', 'FiO2', within(0.3 + 0.25 * respiratory + 0.1 * inflammation + noise(0.02), 0.21, 1) * 100, 0, '%'),
      ];
    case 'liver':
      return [
        sent('TBIL', 'Bilirubin total', within(0.8 + 1.4 * inflammation + noise(0.15), 0.2, 15), 1, 'mg/dL', '0.2-1.2'),
        sent('AST', 'AST', within(34 + 60 * shock + noise(6), 8, 900), 0, 'IU/L', '10-40'),
        sent('ALP', 'Alkaline phosphatase', within(82 + 30 * inflammation + noise(10), 25, 600), 0, 'IU/L', '40-129'),
        sent('PTT', 'aPTT', within(31 + 9 * inflammation + 4 * bleeding + noise(2), 20, 110), 0, 'sec', '25-37'),
      ];
  }
}
