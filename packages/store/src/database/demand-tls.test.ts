import { expect, it } from 'vitest';
import { demandVerifiedTls } from './demand-tls.ts';

const code = (url: string): unknown => {
  try {
    demandVerifiedTls(url);
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
  return 'taken';
};

it.each([
  'postgresql://u@%2Frun%2Fprimum/primum', 'postgresql://u@localhost/primum', 'postgresql://u@127.0.0.1:5432/primum', 'postgresql://u@[::1]/primum',
  'postgresql://u:p@db.hospital.example/primum?sslmode=verify-full', 'postgresql:///primum?host=/var/run/postgresql',
])('takes %s', (url) => { expect(code(url)).toBe('taken'); });

it.each([
  'postgresql://u:p@db.hospital.example/primum', 'postgresql://u:p@10.0.0.5/primum?sslmode=disable', 'postgresql://u:p@db/primum?sslmode=require',
  'postgresql://u:p@db/primum?sslmode=no-verify', 'postgresql://u:p@db/primum?sslmode=verify-ca', 'postgresql://u:p@db/primum?ssl=true',
  'postgresql://u@localhost/primum?host=db.hospital.example', 'postgresql://u@localhost/primum?host=db&sslmode=verify-full&uselibpqcompat=true&sslmode=disable',
  'postgresql://u:p@127.0.0.1.evil.example/primum',
])('refuses %s', (url) => { expect(code(url)).toBe('net.plaintext-refused'); });
