export { listenMllp, type MllpDeps, type MllpListener, type MllpOptions } from './mllp/listen-mllp.ts';
export { connectMllp, type MllpClient, type MllpClientOptions } from './mllp/connect-mllp.ts';
export { createAcceptor, messageAad, type Acceptor, type AcceptorDeps, type AcceptorOptions } from './accept/acceptor.ts';
export { createBacklog, roomIn, type Backlog } from './accept/backlog.ts';
export { createApplier, type Applier, type ApplierDeps, type ApplierOptions } from './apply/applier.ts';
export { intakeEpochsInUse } from './apply/intake-epochs-in-use.ts';
export { loadMappings, mappingsDirectory, type Mappings } from './mapping/load-mappings.ts';
export type { MappingTable, MappedCode, MappedLocation } from './mapping/mapping-table.ts';
export { createSourceDirectory, type SourceDirectory } from './sources/source-directory.ts';
export { registerSource, type SourceRegistration } from './sources/register-source.ts';
export type { Source } from './sources/source.ts';
export {
  discardQuarantined, listQuarantine, replayQuarantined, showQuarantined, type QuarantinedMessage, type QuarantineDeps,
} from './quarantine/quarantine.ts';
export { identityTokens } from './reading/tokens.ts';
export { archivedMessageObjects, messagePersonalData, qualityPersonalData } from './rights/personal-data.ts';
export { emptyMessages, findLooseMessages, type LooseMessages } from './rights/find-loose-messages.ts';
export { readMessageHeads, type MessageHead } from './lineage/read-message-heads.ts';
export { convertMessage, type Conversion, type ConversionOptions, type Deletion, type FieldTrace } from './v2-to-fhir/convert-message.ts';
export { createCoverage, type FieldCoverage } from './v2-to-fhir/field-coverage.ts';
export { loadV2Mappings } from './v2-to-fhir/load-tables.ts';
export { createFactCheck, type FactCheck } from './quality/check-fact.ts';
export { createQualityHandle } from './quality/consume-changes.ts';
export { loadQualityRules } from './quality/load-rules.ts';
export { readQuality, trimQuality } from './quality/read-quality.ts';
export type { QualityRules } from './quality/rule.ts';
export { newWatch, watchFeeds } from './quality/watch-feeds.ts';
export { startDevices, type Devices } from './devices/start-devices.ts';
export { listenMqtt, type MqttListener } from './devices/listen-mqtt.ts';
export { connectBroker, type BrokerOptions } from './devices/connect-broker.ts';
export {
  attachDevice, detachDevice, deviceKinds, knowsDevice, listDevices, registerDevice, renewCredential, replayDevice, setDeviceDisabled, type DeviceKind,
} from './devices/device-registry.ts';
export { gapsBetween, readWaveforms, type WaveformSegment } from './devices/waveforms.ts';
export { devicePersonalData, waveformObjects } from './devices/device-rights.ts';
export { importTable, type RowFault, type TableCounts } from './tables/import-table.ts';
export { parseTableMapping } from './tables/table-mapping.ts';
export {
  disableDestination, listDestinations, listUndelivered, outgoingPersonalData, queueHl7, setDestination, stepOutgoing, type Destination, type DestinationState, type Undelivered,
} from './sending/outgoing.ts';
export { startSenders, type SenderDeps } from './sending/start-senders.ts';
export { acceptBatches } from './batch/accept-batch.ts';
export { splitBatch, type Batch, type CountMismatch } from './batch/split-batch.ts';
export { createMessageCheck } from './validation/check-resources.ts';
export { coverageOfSource, type SourceCoverage } from './sources/source-coverage.ts';
