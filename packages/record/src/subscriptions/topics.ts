import { readFileSync } from 'node:fs';

export type Interaction = 'create' | 'update' | 'delete';

/** What makes an event (FHIR R5, SubscriptionTopic.resourceTrigger); criteria are searches without the type. */
export type Trigger = {
  resource: string;
  supportedInteraction: readonly Interaction[];
  queryCriteria?: { previous?: string; resultForCreate?: 'test-passes' | 'test-fails'; current?: string; resultForDelete?: 'test-passes' | 'test-fails'; requireBoth?: boolean };
};

/** FHIR R5's SubscriptionTopic, as far as it is used: one trigger, filters by search parameters of its type. */
export type SubscriptionTopic = { url: string; title: string; description: string; resourceTrigger: readonly [Trigger]; canFilterBy: readonly { resource: string; filterParameter: string }[] };

let read: readonly SubscriptionTopic[] | undefined;

/** What can be subscribed to (fhir/subscription-topics.json). */
export function subscriptionTopics(): readonly SubscriptionTopic[] {
  // Under version control and test.
  return read ??= JSON.parse(readFileSync(new URL('../../fhir/subscription-topics.json', import.meta.url), 'utf8')) as SubscriptionTopic[];
}
