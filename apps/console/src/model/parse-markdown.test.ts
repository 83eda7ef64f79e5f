import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseMarkdown, parseSpans } from './parse-markdown.ts';

it('reads what a model card is written in', () => {
  expect(parseMarkdown('# Card\n\nOne\ntwo.\n\n- a\n  more\n- b\n\n| G | n |\n|---|--:|\n| all | 3 |\n\n```\nx | y\n```\n1. first')).toEqual([
    { kind: 'heading', level: 1, text: 'Card' },
    { kind: 'paragraph', text: 'One two.' },
    { kind: 'list', ordered: false, items: ['a more', 'b'] },
    { kind: 'table', head: ['G', 'n'], rows: [['all', '3']] },
    { kind: 'code', text: 'x | y' },
    { kind: 'list', ordered: true, items: ['first'] },
  ]);
});

it('marks spans and drops where links lead', () => {
  expect(parseSpans('a **b** `c` *d* [e](http://x)')).toEqual([
    { kind: 'text', text: 'a ' }, { kind: 'strong', text: 'b' }, { kind: 'text', text: ' ' }, { kind: 'code', text: 'c' },
    { kind: 'text', text: ' ' }, { kind: 'emphasis', text: 'd' }, { kind: 'text', text: ' e' },
  ]);
});

it('ends on any text', () => {
  fc.assert(fc.property(fc.array(fc.constantFrom('# a', '', '- b', '|c|', '|--|', '```', ' d', '1. e', 'text')), (lines) => {
    expect(Array.isArray(parseMarkdown(lines.join('\n')))).toBe(true);
  }));
});
