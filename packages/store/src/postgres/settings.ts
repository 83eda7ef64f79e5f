/** Settings that can lose acknowledged data when changed; only the power-cut control ever changes one. */
export type UnsafeSettings = { fsync?: 'off'; full_page_writes?: 'off'; synchronous_commit?: 'off' };

/**
 * postgresql.conf of the embedded server, sized for a machine of two cores and 4 GB.
 *
 * Logging: nothing of a statement, its parameters or an error's detail may reach the log, since they can hold a
 * patient's values. ERROR-level messages are left out altogether ("invalid input syntax for type date: …" quotes the
 * value); LOG, FATAL and PANIC are about the server itself.
 */
export function postgresqlConf(options: {
  major: number;
  socketDirectory: string;
  hbaFile: string;
  identFile: string;
  unsafe?: UnsafeSettings | undefined;
}): string {
  const settings: Record<string, string | number> = {
    // No TCP: only the socket in our own directory.
    listen_addresses: '',
    port: 5432,
    unix_socket_directories: options.socketDirectory,
    unix_socket_permissions: '0777', // the directory is 0700 and hba asks for the peer's user
    hba_file: options.hbaFile,
    ident_file: options.identFile,
    max_connections: 60,

    fsync: 'on',
    full_page_writes: 'on',
    synchronous_commit: 'on',
    restart_after_crash: 'on',

    shared_buffers: '256MB',
    work_mem: '16MB',
    maintenance_work_mem: '128MB',
    effective_cache_size: '1GB',
    random_page_cost: 1.1,
    dynamic_shared_memory_type: process.platform === 'linux' ? 'mmap' : 'posix', // containers give /dev/shm 64 MB
    max_wal_size: '1GB',
    min_wal_size: '128MB',
    wal_compression: 'on',
    wal_buffers: '16MB',
    checkpoint_timeout: '10min',
    checkpoint_completion_target: 0.9,
    max_wal_senders: 4,

    // Short statements by the thousand: compiling and parallel workers cost more than they give on two cores.
    jit: 'off',
    max_parallel_workers_per_gather: 0,
    max_parallel_maintenance_workers: 0,
    max_worker_processes: 4,

    // The outbox and the waiting messages are queues: look often, so that dead rows never pile up.
    autovacuum_naptime: '15s',
    autovacuum_vacuum_scale_factor: 0.1,
    autovacuum_vacuum_insert_scale_factor: 0.2,
    autovacuum_max_workers: 2,

    // A client that was killed must not hold its locks.
    client_connection_check_interval: '1s',

    timezone: 'UTC',
    log_timezone: 'UTC',
    lc_messages: 'C',
    log_destination: 'stderr',
    logging_collector: 'off',
    log_line_prefix: '%m [%p] ',
    log_min_messages: 'log',
    log_min_error_statement: 'panic',
    log_error_verbosity: 'terse',
    log_statement: 'none',
    log_min_duration_statement: -1,
    log_duration: 'off',
    log_parameter_max_length: 0,
    log_parameter_max_length_on_error: 0,
    log_checkpoints: 'off',
    log_connections: options.major >= 18 ? '' : 'off',
    log_disconnections: 'off',
    log_lock_waits: 'off',
    log_temp_files: -1,
    log_autovacuum_min_duration: -1,
    ...(options.major >= 18 ? { io_method: 'sync' } : {}), // three I/O worker processes fewer
    ...options.unsafe,
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name} = ${typeof value === 'number' ? value : `'${value.replaceAll("'", "''")}'`}\n`)
    .join('');
}

/**
 * Who may connect: the operating system says who is at the other end of the socket (`peer`), and only the user that
 * runs Primum is let in. A password lost: it would be one more secret to keep. `trust` lost: any process of the
 * user that PostgreSQL runs as (`nobody`, at worst) could read everything.
 */
export const pgHbaConf = 'local all primum peer map=primum\n';

export function pgIdentConf(osUser: string): string {
  return `primum "${osUser}" primum\n`;
}
