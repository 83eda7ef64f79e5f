/** Every column that names objects by the digest of their ciphertext. What none of them names is removed (`sweepObjects`). */
export const objectReferences: readonly { table: string; column: string; many?: true }[] = [
  { table: 'audit_segment', column: 'digest' },
  { table: 'content', column: 'digests', many: true },
  { table: 'message', column: 'object_digest' },
  { table: 'waveform', column: 'digest' },
];
