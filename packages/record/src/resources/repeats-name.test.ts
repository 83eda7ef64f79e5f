import fc from 'fast-check';
import { expect, it } from 'vitest';
import { repeatsName } from './repeats-name.ts';

const repeats = (text: string): boolean => repeatsName(text, JSON.parse(text));

it.each([
  ['{"a":1,"a":1}', true], ['{"a":1, "\\u0061" : 2}', true], ['[{"b":[{"c":{}, "c" :1}]}]', true], ['{"a":{"b":1,"b":2},"x":"\\":"}', true],
  ['{"a":{"a":1},"b":[{"a":1},{"a":2}]}', false], ['{"a":"\\":\\":","b":"\\\\"}', false], ['{ "a" : 1 , "b" : 2 }', false], ['"a"', false],
])('%s: %s', (text, expected) => { expect(repeats(text)).toBe(expected); });

it('is never true of what JSON itself writes, and always of an object whose first name is written again', () => {
  fc.assert(fc.property(fc.jsonValue(), fc.constantFrom(0, 2), (value, space) => {
    expect(repeats(JSON.stringify(value, null, space))).toBe(false);
    const inner = JSON.stringify(value);
    expect(repeats(`{"k":${inner},"l":[${inner}],"k":${inner}}`)).toBe(true);
  }));
});
