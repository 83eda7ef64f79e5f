import { join } from 'node:path';
import { errorFields, PrimumError, type Log } from '@primum/base';
import type { Figures, Mode } from '@primum/contract';
import { createOnnxEngine } from '@primum/inference';
import { acceptBatches, createAcceptor, createApplier, createBacklog, createFactCheck, createMessageCheck, createSourceDirectory, intakeEpochsInUse, listenMllp, loadMappings, loadQualityRules, mappingsDirectory, registerSource, startSenders } from '@primum/ingest';
import { createExplainer, startScoring } from '@primum/serving';
import { createSequencer, trimOutbox, type Sequencer, type StartStage } from '@primum/store';
import { bearerPrincipal, certificatePrincipal, demandTls, fhirPath, isAppOrigin, outsideDirectory, requirePermission, retireIntakeEpochs, startAuditLog, startAuditSegments, startKeyWalks, startSnoopingDetector, sweepOidc, userPrincipal, type ScannedListener, type SeededUser, type Witness } from '@primum/trust';
import { startBackups, type BackupSchedule } from './backup/start-backups.ts';
import { builtConsole } from './console-build.ts';
import { startBulk } from './bulk/start-bulk.ts';
import { startObjectSweep } from './objects/sweep-objects.ts';
import { openCore, tenant, type Core } from './core.ts';
import { assertResidency, storesOf } from './evidence/residency.ts';
import { watchAgreements } from './evidence/watch-agreements.ts';
import { openDevices, type MqttSettings } from './devices.ts';
import { openFhir } from './fhir.ts';
import { watchStream } from './figures.ts';
import { openListener, readListeners } from './hl7-listeners.ts';
import { createCallBudgets } from './http/call-budget.ts';
import { createEventStream } from './http/event-stream.ts';
import { createHandlers } from './http/handlers.ts';
import { createIssuerMount } from './http/oidc/issuer-mount.ts';
import { isOurUpgrade, serveApi } from './http/serve-api.ts';
import { startQuality } from './quality/start-quality.ts';
import { reportScoring } from './lineage/report-scoring.ts';
import { loadServedModel } from './models.ts';
import { readSnoopingRules } from './reviews/snooping-rules-file.ts';
import { whoIsWho } from './reviews/who-is-who.ts';
import { applyTombstones } from './rights/apply-tombstones.ts';
import { forgetErased } from './rights/forget-erased.ts';
import { packagesOf } from './rights/model-decisions.ts';
import { startRights } from './rights/start-rights.ts';
import { settleMode } from './mode.ts';
import { removeRunFile, writeRunFile } from './run-file.ts';
import { settled } from './settle.ts';
import { loopback, type Transport } from './transport.ts';
import { announce } from './http/announce.ts';
import { endpointRules } from './subscriptions/endpoint-rules.ts';
import { startSubscriptions } from './subscriptions/start-subscriptions.ts';
import { boundHistory } from './ward-simulator/bound-history.ts';
import { startKeptViews } from './views/kept-views.ts';
import { startWard } from './ward-simulator/start-ward.ts';

export type BootOptions = {
  home: string;
  log: Log;
  /** As wanted; a home's mode is settled at its first start. */
  mode?: Mode;
  databaseUrl?: string;
  /** 0: any free port. */
  httpPort?: number;
  mllpPort?: number;
  /** How devices connect; not at all where absent. */
  mqtt?: MqttSettings;
  /** On this machine only where absent. */
  transport?: Transport;
  /** Ward seconds per wall second; null: no simulated ward. */
  wardRate?: number | null;
  /** Further folders that get the audit log's checkpoints and tiles; `<home>/checkpoints` always does. */
  checkpointDirectories?: readonly string[];
  /** How long rows of the audit log stay in the database; six years, and no less. Their write-once copies stay. */
  auditYears?: number;
  /** Asked to cosign the audit log's checkpoints. */
  witnesses?: readonly Witness[];
  /** Backups at intervals while it runs. */
  backups?: BackupSchedule;
  /** Requests per second that one service account may make, over 20 seconds; 2,000. */
  serviceCallsPerSecond?: number;
  /** False: API only. */
  console?: boolean;
  onStage?: (stage: StartStage | 'migrating' | 'loading the model' | 'building the console' | 'opening ports' | 'ready') => void;
};

export type Primum = {
  core: Core;
  /** Tells in this process what was just numbered. */
  sequencer: Sequencer;
  httpPort: number;
  mllpPort: number;
  /** Null: no listener. */
  mqttPort: number | null;
  url: string;
  /** What listens, for `scanTransport`. */
  listeners: readonly ScannedListener[];
  /** With passwords, on the first start only. */
  seeded: SeededUser[];
  figures(): Promise<Figures>;
  /** Resolves when everything that was accepted has been applied. */
  applied(): Promise<void>;
  /** Of the process that runs bulk jobs, while there is one. */
  bulkPid(): number | null;
  stop(): Promise<void>;
};

const maxFrameBytes = 16 * 1024 * 1024;
const housekeepingMs = 60_000;

/** Starts everything on this machine, each part closed in reverse order when a later one fails or on `stop`. */
export async function bootPrimum(options: BootOptions): Promise<Primum> {
  const { home, log, transport = loopback } = options;
  const { tls } = transport;
  demandTls('HTTP', transport.listen, tls);
  demandTls('MLLP', transport.mllpListen, tls);
  const startedAt = new Date();
  const stage = options.onStage ?? (() => undefined);
  await using stack = new AsyncDisposableStack();
  const later = (close: () => unknown): void => stack.defer(async () => { await close(); });

  assertResidency(home, storesOf(home, options.databaseUrl, options.backups === undefined ? {} : { backups: options.backups.directory }));
  const core = await openCore({ home, log, mode: options.mode, databaseUrl: options.databaseUrl, onStage: stage });
  later(() => core.close());
  const { db, keys, audit, clock } = core;
  settleMode(home, core.mode);
  const seeded = await core.identity.seedUsers(tenant);

  const keyWalks = startKeyWalks({ keys, log }, { tenant });
  later(() => keyWalks.close());

  stage('loading the model');
  const model = await loadServedModel(home);
  const engine = createOnnxEngine();
  later(() => engine.close());
  const explainer = createExplainer();
  later(() => explainer[Symbol.asyncDispose]());
  const sequencer = createSequencer({ db, log });
  later(() => sequencer.close());
  const auditLog = await startAuditLog(core, {
    tenant, keyDirectory: join(home, 'keys'), directories: [outsideDirectory(home, tenant), ...options.checkpointDirectories ?? []], witnesses: options.witnesses ?? [],
  });
  later(() => auditLog.close());
  const auditSegments = startAuditSegments(core, { tenant, ...(options.auditYears === undefined ? {} : { years: options.auditYears }) });
  later(() => auditSegments.close());
  const scoring = await startScoring({ tenant, db, keys, audit, engine, explainer, model, clock, log, sequencer });
  later(() => scoring.close());
  const scoringReport = reportScoring({ home, log, clock, model, made: async () => (await db.query<{ made: number }>('select count(*) as made from prediction where tenant = $1 and made_at >= $2', [tenant, startedAt]))[0]?.made ?? 0 });
  later(() => scoringReport.close());
  core.onErased.push((patientIds) => scoring.forget(patientIds));
  await applyTombstones(core, { openStays: true });
  const rights = startRights({ core, packages: () => packagesOf(home, model), announced: () => sequencer.kick() });
  later(() => rights.close());

  const fhir = openFhir(core, model.codes);
  const senders = startSenders(core, tenant);
  later(() => senders.close());
  const bulk = startBulk(core);
  later(() => bulk.close());
  const objectSweep = startObjectSweep(core);
  later(() => objectSweep.close());
  const keptViews = startKeptViews({ core, sequencer, log });
  later(() => keptViews.close());
  const mappings = await loadMappings(model.codes, mappingsDirectory, join(home, 'mappings', 'v2'));
  const backlog = createBacklog({ db }, tenant);
  const sources = createSourceDirectory({ db, now: () => clock.now().getTime() }, tenant);
  const qualityRules = await loadQualityRules(join(home, 'quality'));
  const quality = startQuality({ core, sequencer, rules: qualityRules });
  later(() => quality.close());
  const applier = createApplier({ db, keys, objects: core.objects, audit, clock, log, backlog, sources, mappings, codes: model.codes, checkFact: createFactCheck(qualityRules), validator: fhir.validator, onCommitted: () => sequencer.kick() }, { tenant });
  later(() => applier.close());
  const acceptor = createAcceptor({ db, keys, clock, log, backlog, sources, check: createMessageCheck(fhir.validator, mappings.v2), onCommitted: () => applier.kick() }, { tenant });
  later(() => acceptor.close());

  let dist = '';
  if (options.console !== false) dist = await builtConsole(() => stage('building the console'));

  stage('opening ports');
  const events = createEventStream({ live: (tokens) => core.identity.liveTokens(tenant, tokens) });
  later(() => events.close());
  const watch = await watchStream({ db, sequencer, accepted: () => acceptor.figures().accepted, applied: () => applier.figures().applied, waiting: () => backlog.waiting() }, (batch) => {
    forgetErased(core, batch);
    announce(events, batch);
  });
  later(() => watch.close());
  const snooping = startSnoopingDetector({ ...core, ...whoIsWho, rules: readSnoopingRules() }, { tenant });
  later(() => snooping.close());
  const devices = await openDevices(core, fhir, { listen: transport.mllpListen, ...options.mqtt, tls }, () => sequencer.kick());
  later(() => devices.close());
  const issuer = createIssuerMount(core);
  const subscriptions = startSubscriptions(core, fhir, { rules: endpointRules(process.env, core.mode === 'demonstration'), sequencer, base: () => `${issuer.current().origin}${fhirPath}` });
  later(() => subscriptions.close());
  const handlers = createHandlers({ core, fhir, bulk, senders, devices, mappings, qualityRules, subscriptions, auditLog, model, engine, explainer, sequencer, events, watch, issuer, kick: () => applier.kick() });
  const app = await serveApi({
    log, handlers, issuer, transport, budget: createCallBudgets({ servicePerSecond: options.serviceCallsPerSecond }), consoleDirectory: dist === '' ? join(home, 'no-console') : dist,
    sessionOf: (token, use) => core.identity.session(tenant, token, { use }),
    isFresh: (session) => core.identity.isFresh(session),
    principalOf: (session, remote) => userPrincipal(session, remote),
    bearerOf: (token, remote) => bearerPrincipal(core, tenant, token, remote),
    certificateOf: (fingerprint, remote) => certificatePrincipal(core, tenant, fingerprint, remote),
    isAppOrigin: (origin) => isAppOrigin(db, tenant, origin),
    permits: (principal, permission, purpose) => core.policy.decide({ tenant, principal, authority: permission, purpose }).allowed,
    demand: async (principal, permission, route, purpose) => void await requirePermission(core, { tenant, principal, authority: permission, purpose, action: `route.${String(route)}` }),
  });
  later(() => app.close());
  try {
    await app.listen({ host: transport.listen, port: options.httpPort ?? 8_420 });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') throw new PrimumError('net.port-in-use', `HTTP ${options.httpPort ?? 8_420}`);
    throw error;
  }
  const address = app.server.address();
  const httpPort = typeof address === 'object' && address !== null ? address.port : 0;
  const origin = tls === undefined ? `http://127.0.0.1:${httpPort}` : `https://${transport.hosts[0] ?? 'localhost'}:${httpPort}`;
  await issuer.open(origin);
  subscriptions.serve(app.server, isOurUpgrade(transport.hosts));
  const mllp = { accept: acceptBatches((frame, connection) => acceptor.accept(frame, connection)), saturated: () => acceptor.saturated(), log };
  const listener = await listenMllp(mllp, { host: transport.mllpListen, port: options.mllpPort ?? 2_575, maxFrameBytes, ...(tls === undefined ? {} : { tls }) });
  later(() => listener.close());
  // Senders on this machine (the simulated ward, primum import) need no certificate.
  const beside = tls === undefined ? listener : await listenMllp(mllp, { host: '127.0.0.1', port: 0, maxFrameBytes });
  later(() => beside.close());
  const ownListeners: ScannedListener[] = [];
  for (const settings of readListeners(home)) {
    const own = await openListener(core, acceptor, settings, maxFrameBytes);
    later(() => own.close());
    ownListeners.push({ name: `HL7 v2 ${settings.name}`, host: settings.host, port: own.port, protocol: 'mllp', tls: settings.tls !== undefined });
  }

  const housekeeping = setInterval(() => {
    // The next round tries again.
    void trimOutbox(db, { keepMs: 3_600_000 }).catch(() => undefined);
    void sweepOidc(db, clock.now()).catch(() => undefined);
    void boundHistory({ db, keys, clock }).catch((error: unknown) => log.warn('history.not-bounded', errorFields(error)));
    void retireIntakeEpochs({ keys, clock }, tenant, () => intakeEpochsInUse(db, tenant)).catch(() => undefined);
  }, housekeepingMs);
  later(() => clearInterval(housekeeping));

  if (options.wardRate !== null && core.mode === 'demonstration') {
    const ward = await startWard({ db, log, clock, register: (source) => registerSource(db, source), settled: () => settled(db, 5_000) }, { home, port: beside.port, rate: options.wardRate ?? 60 });
    later(() => ward.stop());
    void ward.live.then(() => watch.beginLive());
  }
  if (options.backups !== undefined) {
    const backups = startBackups(core, options.backups);
    later(() => backups.close());
  }
  const listeners: readonly ScannedListener[] = [
    { name: 'console and API', host: transport.listen, port: httpPort, protocol: 'http', tls: tls !== undefined },
    { name: 'HL7 v2', host: transport.mllpListen, port: listener.port, protocol: 'mllp', tls: tls !== undefined },
    ...(beside === listener ? [] : [{ name: 'HL7 v2 of this machine', host: '127.0.0.1', port: beside.port, protocol: 'mllp' as const, tls: false }]),
    ...ownListeners, ...devices.listeners,
  ];
  writeRunFile(home, {
    pid: process.pid, httpPort, mllpPort: beside.port, databaseUrl: db.url, startedAt: clock.now().toISOString(), listeners,
    places: { backups: options.backups?.directory, keyBackups: options.backups?.keyDirectory, witnesses: (options.witnesses ?? []).map(({ key, url }) => ({ name: key.name, url })) },
  });
  later(() => removeRunFile(home));
  const agreements = watchAgreements(core);
  later(() => agreements.close());
  stage('ready');

  const owned = stack.move();
  return {
    core, sequencer, httpPort, mllpPort: listener.port, mqttPort: devices.mqttPort(), url: `${origin}/`, seeded,
    listeners,
    figures: () => watch.figures(),
    bulkPid: () => bulk.pid(),
    applied: async () => void await Promise.all([applier.idle(), devices.idle()]),
    stop: () => owned.disposeAsync(),
  };
}
