/**
 * Loads each key at most once at a time and at most once per `pauseMs`, and once more where it was asked meanwhile:
 * a burst of events neither floods the server nor lets an event that came during a load be forgotten.
 */
export function gatherLoads(load: (key: string) => Promise<unknown>, pauseMs: number): (key: string) => void {
  const busy = new Map<string, { again: boolean }>();
  const run = async (key: string, turn: { again: boolean }): Promise<void> => {
    do {
      turn.again = false;
      await load(key).catch(() => undefined); // the page that shows the key shows its error
      await new Promise((resolve) => { setTimeout(resolve, pauseMs); });
    } while (turn.again);
    busy.delete(key);
  };
  return (key) => {
    const turn = busy.get(key);
    if (turn !== undefined) {
      turn.again = true;
      return;
    }
    const first = { again: false };
    busy.set(key, first);
    void run(key, first);
  };
}
