import type { Clock, Log } from '@primum/base';
import type { Db } from '@primum/store';
import { tenant } from '../core.ts';
import { wardFacility, wardSenders } from './messages.ts';
import { runWard } from './run-ward.ts';
import { wardOf } from './ward-file.ts';

export type SourceToRegister = { tenant: number; application: string; facility: string; siteCode: string; siteName: string; mapping: string; clockRate: number; simulated: boolean };

/**
 * The simulated ward of this home, on its own clock. While Primum was stopped the ward stood still: its clock is
 * anchored anew at the last thing that was sent, and goes on from there.
 */
export async function startWard(
  deps: { db: Db; log: Log; clock: Clock; register(source: SourceToRegister): Promise<unknown>; settled(): Promise<unknown> },
  options: { home: string; port: number; rate: number },
): Promise<{ stop(): Promise<void>; live: Promise<void> }> {
  const ward = wardOf(options.home, deps.clock.now());
  for (const application of Object.values(wardSenders)) {
    await deps.register({ tenant, application, facility: wardFacility, siteCode: wardFacility, siteName: 'Simulated ICU', mapping: 'ward-simulator', clockRate: options.rate, simulated: true });
  }
  const [site] = await deps.db.query<{ anchor_source_at: Date | null }>(
    // The anchor itself lags: it moves only when a message is ahead of the clock.
    `update site t set clock_rate = $3, anchor_wall_at = $4, proposed_source_at = null, anchor_source_at = coalesce(
       (select max(s.last_message_at) from source s where s.tenant = t.tenant and s.site_id = t.id), t.anchor_source_at)
     where tenant = $1 and code = $2 returning anchor_source_at`,
    [tenant, wardFacility, options.rate, deps.clock.now()],
  );
  const resumeAt = Math.max(ward.epoch, site?.anchor_source_at?.getTime() ?? ward.epoch);
  const stop = new AbortController();
  const { live, done } = runWard(deps.log, { port: options.port, seed: ward.seed, epoch: ward.epoch, resumeAt, rate: options.rate, settled: deps.settled, signal: stop.signal });
  return {
    live,
    stop: async () => {
      stop.abort();
      await done;
    },
  };
}
