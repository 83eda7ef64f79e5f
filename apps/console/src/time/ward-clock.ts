import type { SiteView } from '@primum/contract';

/** What the ward's clock showed (`wardMs`) when this machine's clock showed `wallMs`, and how fast it goes. */
export type ClockAnchor = { wardMs: number; wallMs: number; rate: number };

/** `receivedAtWallMs` is 0 where it isn't known (a page that is about to be replaced): the clock then stands. */
export function anchorOf(site: Pick<SiteView, 'now' | 'clockRate'>, receivedAtWallMs: number): ClockAnchor {
  return { wardMs: Date.parse(site.now), wallMs: receivedAtWallMs, rate: receivedAtWallMs === 0 ? 0 : site.clockRate };
}

/** The ward's time (ms) at a moment of this machine's clock: it goes on counting where no answer comes. */
export function wardTimeAt(anchor: ClockAnchor, wallMs: number): number {
  return anchor.wardMs + (wallMs - anchor.wallMs) * anchor.rate;
}

const twoDigits = (value: number): string => String(value).padStart(2, '0');
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

/** "02:10". Times are shown in UTC, the zone of the record, so that a screen and a message agree to the digit. */
export function timeText(instant: string | number): string {
  const date = new Date(instant);
  return `${twoDigits(date.getUTCHours())}:${twoDigits(date.getUTCMinutes())}`;
}

/** "24 Nov". */
export function dateText(instant: string | number): string {
  const date = new Date(instant);
  return `${date.getUTCDate()} ${months[date.getUTCMonth()] ?? ''}`;
}

/** "24 Nov 02:10". */
export const dateTimeText = (instant: string | number): string => `${dateText(instant)} ${timeText(instant)}`;

/** "02:10" within 20 h of now, else with the date, so that yesterday's 02:10 isn't read as today's. */
export function whenText(instant: string | number, nowMs: number): string {
  return Math.abs(nowMs - new Date(instant).getTime()) < 20 * 3_600_000 ? timeText(instant) : dateTimeText(instant);
}

export const minutesSince = (instant: string | number, nowMs: number): number => Math.max(0, (nowMs - new Date(instant).getTime()) / 60_000);

/** "now", "22 min", "3 h 05", "2 d 4 h": rounded down, since "2 h" must not be said of 1 h 59. */
export function ageText(minutes: number): string {
  const whole = Math.max(0, Math.floor(minutes));
  if (whole < 1) return 'now';
  if (whole < 60) return `${whole} min`;
  const hours = Math.floor(whole / 60);
  if (hours < 24) return `${hours} h ${twoDigits(whole % 60)}`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** The same for a narrow cell: "22m", "3h05", "2d4h". */
export function shortAgeText(minutes: number): string {
  return ageText(minutes).replace(' min', 'm').replace(/ ([hd])/g, '$1').replace(/ /g, '');
}
