import { cpus } from 'node:os';

/**
 * What a score's last bit can depend on beside code and inputs: Node, the inference engine, the platform and the
 * processor. A replay on another runtime says so and compares all the same.
 */
export function runtimeName(engineRuntime: string): string {
  const processor = cpus()[0]?.model.replace(/\s+/g, ' ').trim() ?? 'unknown processor';
  return `node ${process.version}; ${engineRuntime}; ${processor}`;
}
