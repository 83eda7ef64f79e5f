const methods = ['debug', 'error', 'info', 'log', 'trace', 'warn'] as const;

/**
 * Libraries write what troubles them to the console, and quote it: a patient's value would stand in whatever keeps the
 * output. After this they write nothing, until the function that it gives is called. Our own words go through a `Log`, or to
 * `process.stdout`.
 */
export function muteConsole(): () => void {
  const before = methods.map((method) => [method, console[method]] as const);
  for (const method of methods) console[method] = () => undefined;
  return () => { for (const [method, write] of before) console[method] = write; };
}
