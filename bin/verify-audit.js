#!/usr/bin/env node
// Verifies an exported audit log, or a folder of its checkpoints, with nothing but Node 20 or newer: this file imports no
// code of Primum's, so it can be read in one sitting and run where Primum is not installed.
//
//   node verify-audit.js DIR [--key VERIFIER_KEY]… [--against DIR]… [--proof FILE]…
//
// DIR holds checkpoints.ndjson, tile/ and keys (C2SP tlog-tiles and tlog-checkpoint), and perhaps events.ndjson.
// Without --key the keys that lie in DIR are believed; a key that you noted earlier proves more. --against names another
// copy of the checkpoints, kept elsewhere: the log must agree with each of them. --proof is an answer of
// /api/audit/proof/ID. Exit code 0: everything holds; 1: something does not; 64: the command line is not valid.
import { createHash, createPublicKey, verify } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const args = process.argv.slice(2);
const given = { key: [], against: [], proof: [] };
const folders = [];
for (let i = 0; i < args.length; i += 1) {
  const name = args[i].startsWith('--') ? args[i].slice(2) : undefined;
  if (name === undefined) folders.push(args[i]);
  else if (name in given && args[i + 1] !== undefined) given[name].push(args[++i]);
  else usage();
}
if (folders.length !== 1) usage();
function usage() {
  console.error('verify-audit: DIR [--key VERIFIER_KEY]… [--against DIR]… [--proof FILE]…');
  process.exit(64);
}

const problems = [];
const problem = (text) => { if (problems.length < 1_000) problems.push(text); };
const sha256 = (...parts) => { const h = createHash('sha256'); for (const part of parts) h.update(part); return h.digest(); };
const node = (left, right) => sha256(Buffer.from([1]), left, right); // RFC 6962, section 2.1

// --- signed notes: c2sp.org/signed-note, /tlog-checkpoint, /tlog-cosignature ---

function parseKey(line) {
  const [, name, id, encoded] = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(line.trim()) ?? [];
  const bytes = Buffer.from(encoded ?? '', 'base64');
  if (bytes.length !== 33 || sha256(`${name}\n`, bytes).subarray(0, 4).toString('hex') !== id) return undefined;
  return { name, id: Buffer.from(id, 'hex'), type: bytes[0], key: createPublicKey({ key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), bytes.subarray(1)]), format: 'der', type: 'spki' }) };
}

function isSigned(key, text, signatures) {
  return signatures.split('\n').some((line) => {
    if (!line.startsWith(`— ${key.name} `)) return false;
    const bytes = Buffer.from(line.slice(key.name.length + 3), 'base64');
    if (!bytes.subarray(0, 4).equals(key.id)) return false;
    if (key.type === 1) return verify(null, Buffer.from(text), key.key, bytes.subarray(4));
    return key.type === 4 && bytes.length === 76 && verify(null, Buffer.from(`cosignature/v1\ntime ${bytes.readBigUInt64BE(4)}\n${text}`), key.key, bytes.subarray(12));
  });
}

/** The checkpoint of a note that one of the keys has signed in the name of its origin. */
function openNote(note, keys) {
  const end = note.lastIndexOf('\n\n');
  const text = note.slice(0, end + 1);
  const [origin, size, root] = text.split('\n');
  if (end < 0 || !/^(0|[1-9][0-9]{0,15})$/.test(size)) return undefined;
  if (!keys.some((key) => key.type === 1 && key.name === origin && isSigned(key, text, note.slice(end + 2)))) return undefined;
  const witnesses = keys.filter((key) => key.type === 4 && isSigned(key, text, note.slice(end + 2))).map(({ name }) => name);
  return { origin, size: Number(size), root: Buffer.from(root, 'base64'), witnesses };
}

const linesOf = (path) => (existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter((line) => line !== '') : []);

function readCheckpoints(folder, keys) {
  const checkpoints = [];
  for (const line of linesOf(join(folder, 'checkpoints.ndjson'))) {
    let note;
    try { note = JSON.parse(line); } catch { continue; } // cut off by a crash; it was written again
    const checkpoint = openNote(note, keys);
    if (checkpoint === undefined) problem(`${folder}: a checkpoint carries no signature of a known key`);
    else checkpoints.push(checkpoint);
  }
  return checkpoints.sort((a, b) => a.size - b.size);
}

// --- tiles: c2sp.org/tlog-tiles ---

function tilePath(level, n) {
  const digits = String(n).padStart(Math.ceil(String(n).length / 3) * 3, '0').match(/\d{3}/g);
  return join('tile', String(level), ...digits.map((part, i) => (i < digits.length - 1 ? `x${part}` : part)));
}

function readTile(folder, level, n, width) {
  const path = join(folder, tilePath(level, n));
  if (existsSync(path)) return readFileSync(path).subarray(0, width * 32);
  const partial = existsSync(`${path}.p`) ? readdirSync(`${path}.p`).map(Number).filter((w) => w >= width).sort((a, b) => a - b)[0] : undefined;
  return partial === undefined ? undefined : readFileSync(join(`${path}.p`, String(partial))).subarray(0, width * 32);
}

/** Every leaf up to `size`, each tile above held against the one below. */
function readLeaves(folder, size) {
  let level = 0;
  let below;
  let leaves = Buffer.alloc(0);
  for (let count = size; count > 0; level += 1, count = Math.floor(size / 256 ** level)) {
    const tiles = [];
    for (let n = 0; n * 256 < count; n += 1) {
      const width = Math.min(256, count - n * 256);
      const tile = readTile(folder, level, n, width);
      if (tile?.length !== width * 32) {
        problem(`tile ${level}/${n} is missing or too short`);
        if (level === 0) return leaves;
        break;
      }
      if (below !== undefined && !tile.equals(Buffer.concat(below.slice(n * 256, n * 256 + width)))) problem(`tile ${level}/${n} is not that of the tiles below it`);
      tiles.push(tile);
    }
    if (level === 0) leaves = Buffer.concat(tiles);
    below = tiles.filter((tile) => tile.length === 8192).map(rootOfPower);
  }
  return leaves;
}

function rootOfPower(hashes) {
  let row = [];
  for (let at = 0; at < hashes.length; at += 32) row.push(hashes.subarray(at, at + 32));
  while (row.length > 1) row = row.filter((_, i) => i % 2 === 0).map((left, i) => node(left, row[2 * i + 1]));
  return row[0];
}

/** The root after each leaf, from the right edge of the tree. */
function createTree() {
  const edge = [];
  let size = 0;
  return {
    size: () => size,
    push(leaf) {
      let top = { width: 1, hash: leaf };
      while (edge.at(-1)?.width === top.width) top = { width: top.width * 2, hash: node(edge.pop().hash, top.hash) };
      edge.push(top);
      size += 1;
    },
    root: () => (size === 0 ? sha256('') : edge.map(({ hash }) => hash).reduceRight((right, left) => node(left, right))),
  };
}

/** RFC 9162, section 2.1.3.2. */
function includes(leaf, index, size, hashes, root) {
  if (index < 0 || index >= size) return false;
  let [fn, sn, r] = [index, size - 1, leaf];
  for (const p of hashes) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      r = node(p, r);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)];
    } else r = node(r, p);
    [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)];
  }
  return sn === 0 && r.equals(root);
}

// --- the whole ---

const [folder] = folders;
const keys = (given.key.length > 0 ? given.key : linesOf(join(folder, 'keys'))).map(parseKey).filter((key) => key !== undefined);
if (keys.length === 0) problem('there is no verifier key');
const checkpoints = readCheckpoints(folder, keys);
if (checkpoints.length === 0) problem('there is no checkpoint that a known key has signed');
const size = checkpoints.at(-1)?.size ?? 0;
const leaves = readLeaves(folder, size);
const leafAt = (seq) => leaves.subarray((seq - 1) * 32, seq * 32);

const elsewhere = given.against.flatMap((other) => readCheckpoints(other, given.key.length > 0 ? keys : [...keys, ...linesOf(join(other, 'keys')).map(parseKey).filter((key) => key !== undefined)]).map((checkpoint) => ({ ...checkpoint, from: other })));
const tree = createTree();
let agreed = 0;
for (const checkpoint of [...checkpoints, ...elsewhere].sort((a, b) => a.size - b.size)) {
  const where = checkpoint.from === undefined ? '' : ` of ${checkpoint.from}`;
  if (checkpoint.size * 32 > leaves.length) {
    problem(`entries ${leaves.length / 32 + 1} to ${checkpoint.size} are gone: the checkpoint of ${checkpoint.size}${where} signs more than is here`);
    break;
  }
  while (tree.size() < checkpoint.size) tree.push(leafAt(tree.size() + 1));
  if (tree.root().equals(checkpoint.root)) agreed = checkpoint.size;
  else problem(`between ${agreed + 1} and ${checkpoint.size} the log is not the one that the checkpoint of ${checkpoint.size}${where} signs`);
}

let events = 0;
if (existsSync(join(folder, 'events.ndjson'))) {
  let next = 1;
  for (const line of linesOf(join(folder, 'events.ndjson'))) {
    const { seq, salt, event } = JSON.parse(line);
    if (seq !== next) problem(`entries ${next} to ${seq - 1} are not in events.ndjson`);
    // The leaf: SHA-256(0x00 ‖ salt ‖ event), RFC 6962's leaf hash of what the entry says under its salt.
    if (!sha256(Buffer.from([0]), Buffer.from(salt, 'base64'), event).equals(leafAt(seq))) problem(`entry ${seq} is not the one in the log`);
    next = seq + 1;
    events += 1;
  }
  if (next !== size + 1) problem(`entries ${next} to ${size} are not in events.ndjson`);
}

for (const file of given.proof) {
  const proof = JSON.parse(readFileSync(file, 'utf8'));
  const checkpoint = openNote(proof.note, keys);
  const holds = checkpoint !== undefined && checkpoint.size === proof.size
    && includes(Buffer.from(proof.leaf, 'base64'), proof.seq - 1, proof.size, proof.hashes.map((hash) => Buffer.from(hash, 'base64')), checkpoint.root);
  if (!holds) problem(`${file}: the proof does not hold`);
  else if (proof.seq * 32 <= leaves.length && !leafAt(proof.seq).equals(Buffer.from(proof.leaf, 'base64'))) problem(`${file}: entry ${proof.seq} is another one here`);
}

const witnesses = [...new Set(checkpoints.flatMap((checkpoint) => checkpoint.witnesses))];
console.log(JSON.stringify({ ok: problems.length === 0, size, checkpoints: checkpoints.length, against: elsewhere.length, events, proofs: given.proof.length, witnesses, problems }, null, 2));
process.exit(problems.length === 0 ? 0 : 1);
