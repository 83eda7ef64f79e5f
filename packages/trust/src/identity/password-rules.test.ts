import fc from 'fast-check';
import { expect, it } from 'vitest';
import { effectiveLength, passwordRefusal } from './password-rules.ts';
import { readablePassword } from './readable-password.ts';

const about = ['anna.berger', 'Anna Berger'];

it.each([
  'correct horse battery staple', 'lusab-babad-gutih-tugad', 'Grüne Wiese, kalter Kaffee', 'vX9#qLm2!pRtZ', 'тридцать два богатыря', 'blue ladder seven otters',
])('takes %s', (password) => {
  expect(passwordRefusal(password, about)).toBeUndefined();
});

it.each([
  'short', 'elevenchars', // too short, whatever it is made of
  'password1234', 'P@ssw0rd2026!', 'Passwort123456', 'Hospital2026!!', 'welcome-welcome-welcome', 'primumprimum1', 'AdminAdmin2025', 'letmein-letmein',
  'aaaaaaaaaaaaaa', '123456789012345', 'abcdefghijklmn', 'zyxwvutsrqponm', 'qwertyuiop1234', 'asdfghjklasdfgh', 'abcabcabcabcabc', '1111222233334444',
  'AnnaBerger2026', 'anna.berger.anna', 'Berger-Berger-1985',
])('refuses %s', (password) => {
  expect(passwordRefusal(password, about)).toBeTypeOf('string');
});

it('asks for no kinds of characters, and takes long ones', () => {
  fc.assert(fc.property(fc.integer({ min: 0 }), () => passwordRefusal(readablePassword(), about) === undefined));
  expect(passwordRefusal(`${readablePassword()} `.repeat(2).slice(0, 200), about)).toBeUndefined();
  expect(passwordRefusal('x'.repeat(201), about)).toBe('longer than 200 characters');
});

it('never counts more than there is', () => {
  fc.assert(fc.property(fc.string({ maxLength: 60 }), (text) => {
    expect(effectiveLength(text, ['password'])).toBeLessThanOrEqual([...text.normalize('NFC').toLowerCase()].length);
  }));
});
