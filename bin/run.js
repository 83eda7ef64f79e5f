#!/usr/bin/env node
// `node bin/run.js FILE.ts ARGS…`: runs one of the repository's own scripts under the right Node.
import { resolve } from 'node:path';
import { launch } from './launch.js';

const [file, ...args] = process.argv.slice(2);
await launch(resolve(file), args);
