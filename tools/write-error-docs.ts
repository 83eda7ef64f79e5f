/** Writes docs/errors.md from the error catalogue: `node bin/run.js tools/write-error-docs.ts`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCatalogue } from '@primum/contract';
import { root } from './run.ts';

const escape = (text: string): string => text.replaceAll('|', '\\|');
const rows = Object.entries(errorCatalogue).map(([code, { http, summary, action }]) => `| \`${code}\` | ${http} | ${escape(summary)} | ${escape(action)} |`);
writeFileSync(join(root, 'docs/errors.md'), `# Errors

Every error that Primum answers with has one of these codes: in the API's body (\`code\`), in an HL7 acknowledgement's
ERR-5, on the command line in brackets, and in the log. No message holds a patient's value.

| Code | HTTP | What it means | What to do next |
| --- | --- | --- | --- |
${rows.join('\n')}
`);
