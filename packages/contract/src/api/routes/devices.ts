import type { Route } from '../route.ts';

/** Devices, waveforms and tables. */
export const devicesRoutes = {} as const satisfies Record<string, Route>;
