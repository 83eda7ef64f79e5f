import { PrimumError } from '@primum/base';

export async function importStays(args: readonly string[]): Promise<void> {
  throw new PrimumError('config.usage', `import ${args.length}`);
}
