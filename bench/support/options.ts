/** `--key value` pairs; a flag without a value is `true`. */
export function readOptions(args: readonly string[]): Record<string, string> {
  const options: Record<string, string> = {};
  for (let index = 0; index < args.length; index += 1) {
    const name = args[index]!;
    if (!name.startsWith('--')) continue;
    const value = args[index + 1];
    if (value === undefined || value.startsWith('--')) options[name.slice(2)] = 'true';
    else {
      options[name.slice(2)] = value;
      index += 1;
    }
  }
  return options;
}
