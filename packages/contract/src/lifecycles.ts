/**
 * Every lifecycle as one transition table, read by server, CLI and console alike.
 * `table[state][event]` is the next state; an event that a state lacks is refused.
 */
export type TransitionTable<State extends string, Event extends string> = Readonly<Record<State, Readonly<Partial<Record<Event, State>>>>>;

export function nextState<State extends string, Event extends string>(
  table: TransitionTable<State, Event>, state: State, event: Event,
): State | undefined {
  return table[state][event];
}

/**
 * A raw HL7 message. `received`: persisted and acknowledged, waiting for its lane. `applied`: its effects are in the
 * record. `quarantined`: kept whole with a reason; a person may replay it after a fix, or discard it with a reason.
 */
export type MessageState = 'received' | 'applied' | 'quarantined' | 'discarded';
export type MessageEvent = 'apply' | 'quarantine' | 'replay' | 'discard';
export const messageLifecycle: TransitionTable<MessageState, MessageEvent> = {
  received: { apply: 'applied', quarantine: 'quarantined' },
  applied: {},
  quarantined: { replay: 'received', discard: 'discarded' },
  discarded: {},
};

/**
 * An alert. Acknowledging gives it an owner and never clears it; a snooze hushes it until its time, until the tier
 * rises, or until transfer; only the alert policy's clear threshold, transfer or the end of the stay closes it.
 */
export type AlertState = 'open' | 'acknowledged' | 'snoozed' | 'closed';
export type AlertEvent = 'acknowledge' | 'snooze' | 'snooze-ended' | 'tier-rose' | 'evidence-withdrawn' | 'close';
export const alertLifecycle: TransitionTable<AlertState, AlertEvent> = {
  open: { acknowledge: 'acknowledged', snooze: 'snoozed', 'tier-rose': 'open', 'evidence-withdrawn': 'open', close: 'closed' },
  acknowledged: { acknowledge: 'acknowledged', snooze: 'snoozed', 'tier-rose': 'open', 'evidence-withdrawn': 'acknowledged', close: 'closed' },
  snoozed: { acknowledge: 'acknowledged', snooze: 'snoozed', 'snooze-ended': 'open', 'tier-rose': 'open', 'evidence-withdrawn': 'snoozed', close: 'closed' },
  closed: {},
};

/** A stay in the hospital (FHIR Encounter.status). A11 cancels an admission, A13 a discharge. */
export type StayState = 'in-progress' | 'finished' | 'cancelled';
export type StayEvent = 'admit' | 'transfer' | 'discharge' | 'cancel-admit' | 'cancel-transfer' | 'cancel-discharge';
export const stayLifecycle: TransitionTable<StayState, StayEvent> = {
  'in-progress': { transfer: 'in-progress', discharge: 'finished', 'cancel-admit': 'cancelled', 'cancel-transfer': 'in-progress' },
  finished: { 'cancel-discharge': 'in-progress' },
  cancelled: { admit: 'in-progress' },
};

/** An item of the privacy office's queue. A verdict stands; `needs-more` waits for an answer and is decided later. */
export const reviewStates = ['open', 'needs-more', 'justified', 'violation'] as const;
export type ReviewState = (typeof reviewStates)[number];
export type ReviewVerdict = Exclude<ReviewState, 'open'>;
export const reviewLifecycle: TransitionTable<ReviewState, ReviewVerdict> = {
  open: { 'needs-more': 'needs-more', justified: 'justified', violation: 'violation' },
  'needs-more': { 'needs-more': 'needs-more', justified: 'justified', violation: 'violation' },
  justified: {},
  violation: {},
};

/** Why an item stands on the queue: an emergency access, or what the snooping detector noticed. */
export const reviewKinds = [
  'emergency-access', 'many-emergencies', 'own-record', 'colleague', 'vip', 'same-surname', 'same-address', 'unusual-volume', 'no-relationship',
] as const;
export type ReviewKind = (typeof reviewKinds)[number];

/**
 * An erasure (GDPR Article 17). Refused while a legal hold, an open stay or the duty to keep the record runs; else a
 * second person decides. `executed`: the rows are gone; `verified`: the keys are too, and nothing is found any more.
 */
export type ErasureState = 'requested' | 'refused' | 'declined' | 'approved' | 'executed' | 'verified';
export type ErasureEvent = 'refuse' | 'decline' | 'approve' | 'execute' | 'verify';
export const erasureLifecycle: TransitionTable<ErasureState, ErasureEvent> = {
  requested: { refuse: 'refused', decline: 'declined', approve: 'approved' },
  approved: { execute: 'executed' },
  executed: { verify: 'verified' },
  refused: {},
  declined: {},
  verified: {},
};

/** Restriction of processing (GDPR Article 18): kept, and used for treatment only, until it is lifted. */
export type RestrictionState = 'standing' | 'lifted';
export type RestrictionEvent = 'lift';
export const restrictionLifecycle: TransitionTable<RestrictionState, RestrictionEvent> = { standing: { lift: 'lifted' }, lifted: {} };

/**
 * Rectification (GDPR Article 16, 45 CFR 164.526). Accepted: performed by a correction from the source, or by an
 * amendment that is kept beside what it disputes. Denied with a statement of the reason; the person may answer with a
 * statement of disagreement, which is kept with the record.
 */
export type RectificationState = 'requested' | 'accepted' | 'performed' | 'denied' | 'disputed';
export type RectificationEvent = 'accept' | 'deny' | 'perform' | 'dispute';
export const rectificationLifecycle: TransitionTable<RectificationState, RectificationEvent> = {
  requested: { accept: 'accepted', deny: 'denied' },
  accepted: { perform: 'performed' },
  denied: { dispute: 'disputed' },
  performed: {},
  disputed: {},
};

/**
 * A session. A right password begins it, and alone it is worth nothing where more is due: the second factor of who has
 * one, a new password for one that somebody else made, a first factor for who must have one. Each step gives a new
 * token. `full` is the only state in which anything but the steps themselves is answered.
 */
export const sessionStates = ['password-checked', 'second-factor', 'password-change', 'enrolment', 'full', 'ended'] as const;
export type SessionState = (typeof sessionStates)[number];
export type SessionEvent = 'ask-factor' | 'ask-password' | 'ask-enrolment' | 'complete' | 'end';
export const sessionLifecycle: TransitionTable<SessionState, SessionEvent> = {
  'password-checked': { 'ask-factor': 'second-factor', 'ask-password': 'password-change', 'ask-enrolment': 'enrolment', complete: 'full' },
  'second-factor': { 'ask-password': 'password-change', complete: 'full', end: 'ended' },
  'password-change': { 'ask-enrolment': 'enrolment', complete: 'full', end: 'ended' },
  enrolment: { complete: 'full', end: 'ended' },
  full: { complete: 'full', end: 'ended' },
  ended: {},
};

/**
 * A suspected breach. Contained: the account, client or key can do no more harm. Assessed: whether people are to be told
 * (45 CFR 164.402(2), GDPR Articles 33 and 34). Notified where they are; else closed with the reason.
 */
export const breachEvents = ['contain', 'assess', 'notify', 'close'] as const;
export type BreachState = 'opened' | 'contained' | 'assessed' | 'notified' | 'closed';
export type BreachEvent = (typeof breachEvents)[number];
export const breachLifecycle: TransitionTable<BreachState, BreachEvent> = {
  opened: { contain: 'contained' },
  contained: { assess: 'assessed' },
  assessed: { notify: 'notified', close: 'closed' },
  notified: { close: 'closed' },
  closed: {},
};

/** A bulk export or import. `running` is claimed by a lease: whose process died is run again from where it came to. */
export type BulkState = 'accepted' | 'running' | 'finished' | 'failed' | 'cancelled';
export type BulkEvent = 'start' | 'finish' | 'fail' | 'cancel';
export const bulkLifecycle: TransitionTable<BulkState, BulkEvent> = {
  accepted: { start: 'running', cancel: 'cancelled' },
  running: { finish: 'finished', fail: 'failed', cancel: 'cancelled' },
  finished: { cancel: 'cancelled' },
  failed: { cancel: 'cancelled' },
  cancelled: {},
};

/**
 * A message to another system. `queued` until it was answered for good: accepted, refused (AR), or failed (AE again and
 * again). A person may put back what was not delivered.
 */
export type OutgoingState = 'queued' | 'acknowledged' | 'refused' | 'failed' | 'discarded';
export type OutgoingEvent = 'acknowledge' | 'refuse' | 'fail' | 'requeue' | 'discard';
export const outgoingLifecycle: TransitionTable<OutgoingState, OutgoingEvent> = {
  queued: { acknowledge: 'acknowledged', refuse: 'refused', fail: 'failed' },
  acknowledged: {},
  refused: { requeue: 'queued', discard: 'discarded' },
  failed: { requeue: 'queued', discard: 'discarded' },
  discarded: {},
};
