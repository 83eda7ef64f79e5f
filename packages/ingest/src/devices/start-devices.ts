import { errorFields } from '@primum/base';
import { applyDeviceMessages, type ApplyDevicesDeps } from './apply-device-messages.ts';
import { createDeviceAcceptor, type DeviceAcceptor } from './device-acceptor.ts';
import { loadDeviceCodes } from './device-codes.ts';

export type DevicesDeps = Omit<ApplyDevicesDeps, 'deviceCodes' | 'kept'> & { /** The record was changed. */ onApplied?: () => void };

/** What listeners hand messages to, and what applies them. */
export type Devices = {
  acceptor: DeviceAcceptor;
  /** Look now: something was put back in line. */
  kick(): void;
  /** Resolves when nothing waited at some moment after the call. */
  idle(): Promise<void>;
  close(): Promise<void>;
};

const perRound = 200;
const pollMs = 1_000;
const longestPauseMs = 5_000;
/** Rows of applied messages recognise what is sent again; after this the ids of what they became do. */
const rememberedMs = 7 * 24 * 3_600_000;
const sweepEveryMs = 600_000;

export async function startDevices(deps: DevicesDeps, { tenant }: { tenant: number }): Promise<Devices> {
  const applying: ApplyDevicesDeps = { ...deps, deviceCodes: loadDeviceCodes(), kept: new Map() };
  const stop = new AbortController();
  let kicks = 0;
  let wake: () => void = () => undefined;
  const idlers: (() => void)[] = [];
  const kick = (): void => {
    kicks += 1;
    wake();
  };
  const [standing] = await deps.db.query<{ n: number }>("select count(*) as n from device_message where tenant = $1 and status = 'received'", [tenant]);
  const acceptor = createDeviceAcceptor({ ...deps, onStored: kick }, { tenant, waiting: standing?.n ?? 0 });
  const pause = (forMs: number): Promise<void> => new Promise((resolve) => {
    const timer = setTimeout(resolve, forMs);
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
    if (stop.signal.aborted) wake();
  });

  const work = async (): Promise<void> => {
    let failures = 0;
    let sweptAt = 0;
    while (!stop.signal.aborted) {
      const seen = kicks;
      try {
        const taken = await applyDeviceMessages(applying, tenant, perRound);
        failures = 0;
        acceptor.taken(taken);
        if (taken > 0) {
          deps.onApplied?.();
          continue;
        }
        if (deps.clock.now().getTime() - sweptAt > sweepEveryMs) {
          sweptAt = deps.clock.now().getTime();
          await deps.db.query("delete from device_message where tenant = $1 and status = 'applied' and received_at < $2", [tenant, new Date(sweptAt - rememberedMs)]);
        }
        if (kicks !== seen) continue;
        for (const idler of idlers.splice(0)) idler();
        await pause(pollMs);
      } catch (error) {
        if (stop.signal.aborted) return;
        failures += 1;
        deps.log.warn('device.apply-retry', { ...errorFields(error), attempt: failures });
        await pause(Math.min(longestPauseMs, 50 * 2 ** Math.min(failures, 7)));
      }
    }
  };
  const working = work();
  return {
    acceptor, kick,
    idle: () => new Promise((resolve) => {
      idlers.push(resolve);
      kick();
    }),
    close: async () => {
      await acceptor.close();
      stop.abort();
      wake();
      await working;
    },
  };
}
