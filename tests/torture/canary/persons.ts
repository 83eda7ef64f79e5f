/** What is planted of one person. Each value is like no other text anywhere. */
export type Planted = { family: string; given: string; mrn: string; phone: string; street: string; note: string };

const consonants = ['b', 'd', 'f', 'g', 'k', 'l', 'm', 'n', 'p', 'q', 'r', 's', 't', 'v', 'w', 'x', 'z'];
const vowels = ['a', 'e', 'i', 'o', 'u', 'y'];
/** Accents and scripts that a hospital's names come in; each mark is distinct in every encoding. */
const dressings: readonly ((name: string) => string)[] = [
  (name) => name,
  (name) => name.toUpperCase(),
  (name) => name.replaceAll('a', 'å').replaceAll('o', 'ö').replaceAll('u', 'ü'),
  (name) => name.replaceAll('e', 'é').replaceAll('n', 'ñ').replaceAll('s', 'š'),
  (name) => `O'${name}`,
  (name) => `${name}-van der ${name.slice(0, 4)}quist`,
  (name) => inScript(name, 'абвгдежзиклмнопрстуфхцчшэюя'),
  (name) => inScript(name, 'αβγδεζηθικλμνξοπρστυφχψωάέή'),
  (name) => inScript(name, '山川田中村木林森石井上下大小原野口本松竹梅花雪月星空海'),
  (name) => inScript(name, 'ابتثجحخدذرزسشصضطظعغفقكلمنهوي'),
];

/** The same persons for the same seed: a found value can be looked up again. */
export function plantedPersons(count: number, seed: number): Planted[] {
  let state = Math.imul((seed ^ 0x9e37_79b9) + 0x7f4a_7c15, 0x85eb_ca6b) >>> 0; // neighbouring seeds begin far apart
  const draw = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor(((state >>> 8) / 2 ** 24) * below);
  };
  const word = (syllables: number): string => Array.from({ length: syllables }, () => `${consonants[draw(consonants.length)]}${vowels[draw(vowels.length)]}`).join('');
  const digits = (length: number): string => Array.from({ length }, () => draw(10)).join('');
  return Array.from({ length: count }, (_, n) => {
    const dress = dressings[n % dressings.length]!; // within the list
    const name = (): string => { const raw = `z${word(4)}q`; return dress(raw[0]!.toUpperCase() + raw.slice(1)); };
    return {
      family: name(), given: name(), mrn: `MR${digits(10)}`, phone: `+${digits(2)} ${digits(3)}-${digits(4)}-${digits(3)}`,
      street: `${1 + draw(999)} ${dress(`Z${word(4)}q`)}gate ${word(3)}`, note: `patient says ${word(3)} ${dress(word(4))} ${word(3)} since ${word(2)}`,
    };
  });
}

function inScript(name: string, script: string): string {
  const letters = [...script];
  return [...name].map((letter, at) => letters[(letter.codePointAt(0)! * 7 + at * 3) % letters.length]).join('');
}
