/** NIST SP 800-63B (rev. 4, 3.1.1) and ASVS 5.0, V6.2: length counts, no composition rules, nothing common or guessable. */
const minLength = 12;
const maxLength = 200;
/** A word that anybody would try counts as one character, and so does each further step of a run or a repetition. */
const minEffective = 8;

/** What guessers try first, as stems: years, digits and signs around them add nothing. Written by hand from the field and from habit. */
const commonWords = [
  'password', 'passwort', 'passphrase', 'welcome', 'willkommen', 'letmein', 'changeme', 'default', 'secret', 'login', 'signin', 'admin', 'administrator', 'root', 'user',
  'test', 'demo', 'sample', 'temp', 'temporary', 'guest', 'hello', 'iloveyou', 'monkey', 'dragon', 'football', 'baseball', 'sunshine', 'princess', 'superman', 'batman',
  'master', 'shadow', 'trustno', 'whatever', 'freedom', 'flower', 'summer', 'winter', 'spring', 'autumn', 'monday', 'friday', 'january', 'december', 'google', 'computer',
  'internet', 'hospital', 'clinic', 'klinik', 'doctor', 'nurse', 'patient', 'medical', 'medicine', 'health', 'ward', 'icu', 'emergency', 'primum', 'sepsis', 'qwerty', 'qwertz', 'azerty',
];
const keyboardRows = ['qwertyuiop', 'qwertzuiop', 'azertyuiop', 'asdfghjkl', 'zxcvbnm', 'yxcvbnm', '1234567890'];

/** A password as it is hashed: what two keyboards send for the same letters is the same (RFC 8265, 4.2). */
export function normalisePassword(password: string): string {
  return password.normalize('NFC');
}

/** Why a new password is refused, in words; undefined where it may be. `about`: names that it must not rest on. */
export function passwordRefusal(password: string, about: readonly string[]): string | undefined {
  const length = [...normalisePassword(password)].length;
  if (length < minLength) return `shorter than ${minLength} characters`;
  if (length > maxLength) return `longer than ${maxLength} characters`;
  const words = [...about.flatMap((name) => name.toLowerCase().split(/[^\p{L}\p{N}]+/u)).filter((word) => word.length >= 3), ...commonWords];
  if (effectiveLength(password, words) < minEffective) return 'common words, names, runs or repetitions make up most of it';
  return undefined;
}

/** Characters that a guesser has to guess: known words count once, runs and repetitions their first step only. */
export function effectiveLength(password: string, words: readonly string[]): number {
  let rest = plain(password);
  for (const word of words.toSorted((a, b) => b.length - a.length)) rest = rest.replaceAll(word, '\ue000');
  // Digits around a known word are its usual decoration.
  rest = rest.replace(/\ue000[0-9]{1,4}(?![0-9])/g, '\ue000').replace(/(?<![0-9])[0-9]{1,4}\ue000/g, '\ue000');
  return countSteps(withoutRepeats(rest));
}

function plain(password: string): string {
  const swaps: Readonly<Record<string, string>> = { '0': 'o', '1': 'i', '3': 'e', '4': 'a', '5': 's', '7': 't', '@': 'a', '$': 's', '!': 'i' };
  const lower = normalisePassword(password).toLowerCase();
  // Swapped letters are undone inside words only: in a run of digits they are digits.
  return lower.replace(/(?<=\p{L})[0134579@$!](?=\p{L})|(?<=^|[^\p{L}0-9])[0134579@$!](?=\p{L}{2})/gu, (sign) => swaps[sign] ?? sign);
}

/** abcabcabc → abc: a unit that repeats itself to the end is written once. */
function withoutRepeats(text: string): string {
  return text.replace(/(.{1,20}?)\1{2,}/gsu, '$1');
}

function countSteps(text: string): number {
  const characters = [...text];
  let count = 0;
  characters.forEach((character, index) => {
    const before = characters[index - 1];
    if (before === undefined || !follows(before, character)) count += 1;
  });
  return count;
}

function follows(before: string, after: string): boolean {
  const step = after.codePointAt(0)! - before.codePointAt(0)!;
  return Math.abs(step) <= 1 || keyboardRows.some((row) => row.includes(before + after) || row.includes(after + before));
}
