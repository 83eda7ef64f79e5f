import type { InferenceEngine } from '@primum/inference';
import type { Mappings, QualityRules } from '@primum/ingest';
import type { ModelPackage } from '@primum/registry';
import type { Explainer } from '@primum/serving';
import type { Sequencer } from '@primum/store';
import type { AuditLog } from '@primum/trust';
import type { Core } from '../core.ts';
import type { MqttDoors } from '../devices.ts';
import type { Fhir } from '../fhir.ts';
import type { Subscriptions } from '../subscriptions/start-subscriptions.ts';
import type { Watch } from '../figures.ts';
import type { EventStream } from './event-stream.ts';
import type { IssuerMount } from './oidc/issuer-mount.ts';

export type HandlerDeps = {
  core: Core; model: ModelPackage; engine: InferenceEngine; explainer: Explainer; sequencer: Sequencer;
  auditLog: AuditLog;
  fhir: Fhir;
  bulk: { kick(): void };
  /** Wakes what sends HL7 v2 to others. */
  senders: { kick(): void };
  mappings: Mappings;
  qualityRules: QualityRules;
  subscriptions: Pick<Subscriptions, 'kick' | 'rules'>;
  devices: Pick<MqttDoors, 'kick' | 'mqttPort'>;
  events: EventStream; watch: Watch; issuer: IssuerMount;
  /** Wakes the applier. */
  kick(): void;
};
