import { describe, expect, it } from 'vitest';
import { bulkRules, fetchWithin } from './fetch-within.ts';

describe('an address that somebody else named', () => {
  const rules = bulkRules({ PRIMUM_BULK_HOSTS: 'ehr.hospital.example' }, false);

  it.each([
    'http://example.org/x', 'https://10.1.2.3/x', 'https://169.254.169.254/latest', 'https://192.168.0.1:8443/', 'https://[fd00::1]/', 'https://[::ffff:10.0.0.1]/', 'https://2130706433/', 'https://0x7f.1/', 'https://127.0.0.1/',
    'http://localhost/', 'https://[::1]/', 'https://0.0.0.0/', 'https://user@example.org/', 'file:///etc/passwd', 'ftp://example.org/', 'not an address',
  ])('is not read: %s', async (address) => {
    await expect(fetchWithin(rules, address)).rejects.toMatchObject({ code: 'bulk.address-refused' });
  });
});
