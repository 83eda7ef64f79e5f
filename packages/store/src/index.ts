export { primumHome } from './postgres/home.ts';
export { startPostgres, type Postgres, type StartOptions, type StartStage } from './postgres/supervisor.ts';
export { openDb, type Db, type OpenOptions, type Session, type TransactionOptions } from './database/open-db.ts';
export type { Sql } from './database/sql.ts';
export { sqlState } from './database/errors.ts';
export { migrate, migrationsDirectory } from './migrate.ts';
