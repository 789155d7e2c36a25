/**
 * The words of `--help`.
 *
 * @module
 */

import type { CommandName } from "./arguments.ts";

const OVERVIEW = `litelatch: who has my SQLite database open?

  litelatch doctor DB       what is wrong, worst first, and what to do
  litelatch who DB          who has it open, and what each of them holds
  litelatch watch DB        the same, live: WAL, holders, commits, who waits
  litelatch checkpoint DB   move the WAL into the database and empty it
  litelatch clean DB        remove the records of processes that are gone
  litelatch selftest DIR    prove that locks and WAL work in that folder
  litelatch vendor DIR      write the library there as one file to copy

  --json      print JSON instead of text
  --help      what a command does
  --version   print the version

doctor, who and watch take no lock and write nothing. Nothing here ever stops
a process or breaks a lock.`;

const DETAILS: Record<CommandName, string> = {
  doctor: `litelatch doctor DB

Looks at a database for a quarter of a second, takes no lock, and says in plain
words what is wrong, worst first, each with what to do.

  --limit=MIB   the size at which a WAL is too large (default 16)
  --json        { "findings": [...], "report": {...} }

Exit code: 0 healthy, 1 findings, 2 it could not look.`,
  who: `litelatch who DB

Lists every process that has the database open, also those that know nothing of
litelatch: PID, app, command, lock, since, parent, and what it holds now.

  --json        the whole report of inspect()

Exit code: 0, or 2 if it could not look.`,
  watch: `litelatch watch DB

Looks again and again: the WAL against its limit, who has it open, commits per
second, who waits. In place on a terminal, a line per look in a pipe. Ctrl-C
ends it.

  --interval=SECONDS   between two looks (default 1)
  --ticks=N            end after so many looks
  --limit=MIB          the limit of the WAL (default 16)
  --json               one object per line

Exit code: 0, or 2 if it could not look.`,
  checkpoint: `litelatch checkpoint DB

Takes the shared lock, moves what is in the WAL into the database, and empties
the WAL; writers wait for at most 160 ms at a time. Says who is in the way.

  --json        the result of db.checkpoint()

Exit code: 0 done, 1 something was in the way, 2 it could not try.`,
  clean: `litelatch clean DB

Removes the pidfiles of processes that are gone: those that are proved dead, and
all of them if the kernel gives us the lock for a moment. It refuses, naming the
holder, whatever the kernel says is held, and leaves alone what is no record of
litelatch. There is no --force.

  --json        { "removed": [...], "kept": [...], "foreign": [...] }

Exit code: 0 done, 1 something was kept, 2 it could not look.`,
  selftest: `litelatch selftest DIR

Proves with real processes that in this folder exclusion, release after a crash,
shared locks, WAL and link(2) work: for network shares, Docker volumes, WSL. It
removes what it made. It says nothing about a second machine.

  --json        { "passed": true, "steps": [...] }

Exit code: 0 all work, 1 something does not, 2 it could not try.`,
  vendor: `litelatch vendor DIR [inspect] [legacy] [etcd] [migrate]
litelatch vendor --check FILE

Writes litelatch.mjs and litelatch.d.mts into a folder: the whole library, with
no import. Another entry is two files beside them, which import the first, and
litelatch-shared.mjs. With --check it compares such a file with the one of this
release, and says whether it is current, edited, older, newer, or another build.

  --json        { "written": [...] }, or { "judgement": ..., "version": ... }

Exit code: 0 written or current, 1 not current, 2 it could not try.`,
};

/** The help of one command, or of all. */
export function help(command: CommandName | null): string {
  return command === null ? OVERVIEW : DETAILS[command];
}
