import type { Random } from './random.ts';

/** An invented person. Names are drawn from lists and belong to nobody. */
export type WardPatient = {
  mrn: string;
  visit: string;
  family: string;
  given: string;
  sex: 'M' | 'F';
  birthDate: string;
  /** Their own normal: offsets of heart rate (/min), mean pressure (mmHg), breathing (/min), creatinine (mg/dL), Hgb (g/dL). */
  normal: { heartRate: number; meanPressure: number; breathing: number; creatinine: number; haemoglobin: number };
};

const families = ['Abara', 'Almeida', 'Andersen', 'Bakker', 'Brandt', 'Castillo', 'Cohen', 'Dubois', 'Eriksson', 'Fontaine', 'Garcia', 'Haddad', 'Hofmann', 'Ivanova', 'Jansen', 'Kaya', 'Kowalski', 'Larsen', 'Mbeki', 'Moreau', 'Müller', 'Nakamura', 'Novák', 'O\'Brien', 'Okafor', 'Olsen', 'Patel', 'Petrov', 'Quist', 'Rossi', 'Sato', 'Schmidt', 'Silva', 'Singh', 'Tanaka', 'Torres', 'Urban', 'Vargas', 'Weber', 'Yilmaz', 'Zhang'];
const women = ['Amara', 'Anna', 'Astrid', 'Chiara', 'Elena', 'Fatima', 'Grace', 'Hana', 'Ines', 'Julia', 'Leila', 'Maria', 'Mei', 'Nadia', 'Olga', 'Priya', 'Rosa', 'Sofia', 'Yuki', 'Zofia'];
const men = ['Ahmed', 'Anton', 'Carlos', 'David', 'Emil', 'Felix', 'Hiroshi', 'Ibrahim', 'Jakub', 'Jean', 'Karl', 'Luca', 'Mateo', 'Nils', 'Omar', 'Pavel', 'Rafael', 'Samuel', 'Tomás', 'Wei'];

export function drawPatient(random: Random, number: number, admittedAt: number, forced?: { ageYears?: number }): WardPatient {
  const sex = random.chance(0.55) ? 'M' : 'F';
  const ageYears = forced?.ageYears ?? Math.min(94, Math.max(19, 63 + 16 * random.normal()));
  const family = random.pick(families);
  const given = random.pick(sex === 'M' ? men : women);
  return {
    mrn: `SIM${String(100_000 + number)}`,
    visit: `V${String(500_000 + number)}`,
    family,
    given,
    sex,
    birthDate: new Date(admittedAt - ageYears * 365.25 * 86_400_000).toISOString().slice(0, 10).replaceAll('-', ''),
    normal: {
      heartRate: 4 * random.normal(),
      meanPressure: 4 * random.normal(),
      breathing: random.normal(),
      creatinine: Math.max(-0.3, 0.15 * random.normal() + (ageYears > 70 ? 0.2 : 0)),
      haemoglobin: 0.8 * random.normal(),
    },
  };
}
