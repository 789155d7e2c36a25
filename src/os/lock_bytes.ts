/** Which byte of a file SQLite locks for what. @module */

/** In the database or the lock file, https://sqlite.org/lockingv3.html. */
export const PENDING = 0x40000000;
/** Written by who has begun to write; in the lock file, by who only asks. */
export const RESERVED = 0x40000001;
/** Read by every reader, and by every connection in WAL mode; else written. */
export const SHARED = 0x40000002;

/** In the `-shm`, https://sqlite.org/walformat.html#wal_locks. */
export const WAL_WRITE = 120;
/** While a checkpoint is made. */
export const WAL_CHECKPOINT = 121;
/** While the WAL is recovered. */
export const WAL_RECOVER = 122;
/**
 * The first of five read marks. A reader on mark 0 reads the database file
 * alone, so no checkpoint may write to it.
 */
export const WAL_READ = 123;
/** Read by every connection (WAL_DMS_LOCK, os_unix.c). */
export const WAL_DMS = 128;
