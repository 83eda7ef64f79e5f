export const usage = `primum — open hospital AI infrastructure (a demonstration, not for clinical use)

  primum up [--home DIR] [--http-port N] [--mllp-port N] [--speed X] [--no-ward] [--production]
           [--listen ADDR] [--mllp-listen ADDR] [--host NAME…] [--tls-cert FILE --tls-key FILE [--tls-client-ca FILE]]
      Starts everything on this machine and prints the console's address. Ctrl-C stops it. Beyond this machine it
      listens over TLS only.
      --checkpoint-dir DIR: a further copy of the audit log's checkpoints; --witness KEY@URL: who cosigns them;
      --audit-years N: how long its rows stay in the database (6).
  primum import physionet2019 FILE.csv[.gz] [--patients N] [--speed X|max] [--run ID]
      Replays real ICU stays as HL7 messages through the MLLP port of a running Primum, on their own clock.
  primum train PACK --data FILE… [--out DIR] [--key FILE] [--seed N]
      Trains a model package from hourly stays and signs it.
  primum replay PREDICTION_ID
      Rebuilds a prediction from the record as it stood and says whether it is identical.
  primum evidence --out DIR [--quick] [--checkpoint-dir DIR]
      Runs every proof now, on this home and on a scratch Primum, and writes a signed pack: pages, OSCAL, a file a proof.
  primum agreement list | add … | end ID
      The register of agreements with business associates and processors; flows that none covers.
  primum breach --account NAME|--client ID|--key ID --from TIME [--to TIME] [--drill]
      Whom a compromised account, client or key affects, what was seen, and what is due when.
  primum lineage KIND:ID [--down] [--json] [--limit N]
      What a score, alert or action was made from, or with --down what rests on a message or model.
  primum quarantine list | show ID | replay ID | discard ID
      Messages that could not be applied, kept whole with their reason.
  primum source list | add --application A --facility F --site CODE --mapping NAME
      Senders of HL7 messages that the listener knows.
  primum device list | add --name TEXT --kind KIND | attach ID --patient ID | detach ID | replay ID | renew ID | disable ID | enable ID
      Devices that send over MQTT (up --mqtt-port N, or --mqtt-broker mqtts://HOST [--mqtt-share GROUP]; docs/devices.md).
  primum import table FILE --mapping M.json [--dry-run] [--report R.csv|R.ndjson]
      Rows of a CSV or Parquet file as resources, as a mapping says; without a running Primum too (docs/tables.md).
  primum fhir import FILE|FOLDER
  primum fhir pull URL --client ID --key FILE [--scope SCOPES] [--type TYPE,…]
  primum terminology load FILE|FOLDER --system URL --version VERSION [--name NAME]
  primum fhir reindex [--all] [--from TYPE/ID]
      Makes resources found again that lack what they are found by; --all: of every resource, after a change of parameters.
  primum hl7 explain FILE|FOLDER [--json] [--values] [--home DIR]
  primum hl7 coverage --source A|F [--messages N] [--json]
  primum hl7 import FILE|FOLDER
  primum hl7 destination list|add|disable
  primum hl7 send FILE --to NAME
  primum hl7 undelivered [--requeue ID | --discard ID]
      Where each field of a message goes in FHIR, by which rule, and what is not mapped; of a folder: which fields
      of a feed are dropped, and how often. Values are shown only with --values.
  primum user list | add NAME --role ROLE [--name TEXT] [--group G …] [--unit U …] | reset NAME | disable NAME | enable NAME
              | role NAME ROLE | unit NAME U … | group NAME G … | factors-reset NAME | unlock NAME | end-sessions NAME
      People who may sign in; add and reset print a password once, to be changed at its first use.
  primum erase list | verify RECEIPT.json
      Erasures, which two people decide on in the console; whether a receipt holds.
  primum retention plan | run
      What is due by the retention schedule; doing it now.
  primum keys status | rotate [--tenant-key] | rewrap
      The key store and its master keys; rotate makes the next master key (or data key), rewrap brings all keys over to it.
  primum backup --to DIR [--keep N] | keys --out DIR [--keep-days N] | verify --from DIR [--id ID]
      Backs up the database and the objects, sealed, while everything goes on; the keys, apart; the drill restores a backup and compares.
  primum restore --from DIR --home NEW [--id ID] [--keys DIR] [--master-key FILE]
      Brings a backup back into a new data directory, or an empty DATABASE_URL.
  primum client list | add ID … | disable ID | enable ID
      Apps that may ask for a person's consent, and service accounts; docs/smart.md has each option.
  primum policy check | test [--table FILE]
      Whether the policies hold (the home's own too); whether they decide what the table of who may do what says.
  primum audit export --out DIR [--events] | new-log
      The whole audit log for bin/verify-audit.js, which needs only Node; a new log after a restore.
  primum verify [--checkpoint-dir DIR]
      Verifies the audit log from its events up to every checkpoint outside the database; names each row that was
      altered, removed, inserted or moved.

Settings: PRIMUM_HOME (data directory), DATABASE_URL (your own PostgreSQL), PRIMUM_DATA (test data),
          PRIMUM_MODE (demonstration or production; settled at a home's first start).
`;
