import { createLog } from '@primum/base';
import { expect, it } from 'vitest';
import { createRefusalLog } from './refusal-log.ts';

it('says the first of a minute at once, how many came with the next, and keeps to its bound', () => {
  const lines: unknown[] = [];
  let now = 0;
  const refused = createRefusalLog(createLog((line) => { lines.push(JSON.parse(line)); }), () => now);
  for (let i = 0; i < 500; i += 1) refused('api.request-invalid', '10.0.0.1');
  refused('auth.origin-refused', '10.0.0.1');
  now = 61_000;
  refused('api.request-invalid', '10.0.0.1');
  expect(lines).toMatchObject([
    { event: 'request.refused', code: 'api.request-invalid', address: '10.0.0.1', count: 1 }, { code: 'auth.origin-refused', count: 1 }, { code: 'api.request-invalid', count: 500 },
  ]);
  for (let i = 0; i < 5_000; i += 1) refused('api.not-found', `10.1.${i >> 8}.${i & 255}`);
  expect(lines).toHaveLength(5_003);
});
