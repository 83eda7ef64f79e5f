/**
 * Common adult reference ranges in the code table's units (Merck Manual, professional edition, "Normal laboratory
 * values"; laboratories differ), for display beside a value only: no score and no alert reads them.
 */
export const referenceRanges: Readonly<Record<string, readonly [number, number]>> = {
  '1925-7': [-2, 2], //      base excess, mmol/L
  '1963-8': [22, 28], //     bicarbonate, mmol/L
  '2744-1': [7.35, 7.45], // arterial pH
  '2019-8': [35, 45], //     arterial CO2 pressure, mmHg
  '2708-6': [95, 100], //    arterial oxygen saturation, %
  '1920-8': [5, 40], //      AST, IU/L
  '3094-0': [8, 20], //      urea nitrogen, mg/dL
  '6768-6': [36, 92], //     alkaline phosphatase, IU/L
  '17861-6': [9, 10.5], //   calcium, mg/dL
  '2075-0': [98, 106], //    chloride, mmol/L
  '2160-0': [0.5, 1.3], //   creatinine, mg/dL
  '1968-7': [0, 0.3], //     direct bilirubin, mg/dL
  '2345-7': [70, 140], //    glucose, mg/dL
  '2524-7': [0.5, 2], //     lactate, mmol/L
  '19123-9': [1.6, 2.6], //  magnesium, mg/dL
  '2777-1': [3, 4.5], //     phosphate, mg/dL
  '2823-3': [3.5, 5], //     potassium, mmol/L
  '1975-2': [0.3, 1.2], //   bilirubin, mg/dL
  '10839-9': [0, 0.04], //   troponin I, ng/mL
  '4544-3': [36, 50], //     haematocrit, %
  '718-7': [12, 17], //      haemoglobin, g/dL
  '14979-9': [25, 37], //    aPTT, s
  '6690-2': [4, 11], //      white cells, 10³/µL
  '3255-7': [200, 400], //   fibrinogen, mg/dL
  '777-3': [150, 350], //    platelets, 10³/µL
};

export function rangeText([low, high]: readonly [number, number], precision: number): string {
  const text = (value: number): string => (value < 0 ? '−' : '') + Math.abs(value).toFixed(precision);
  return `${text(low)}–${text(high)}`;
}
