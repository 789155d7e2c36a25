/**
 * Reads the log of one round of the file storm, and holds what was
 * acknowledged against what sqlite3 finds.
 *
 * All append to one log, so that the place of a line is the kernel's own order,
 * and no code of litelatch has a say in it. A handle is what one open gave; a
 * process may have several, one after the other. What a call said it said after
 * the line before it of the same process: a word is judged by what had happened
 * by then.
 *
 *     <process> <handle> opening|reopening     it is about to open
 *     <process> <handle> opened
 *     <process> <handle> error <code> <text>   the open was refused
 *     <process> <handle> try <n>               it is about to write commit n
 *     <process> <handle> ack <n>               it was acknowledged
 *     <process> <handle> failed <n> <code> <text>
 *     <process> <handle> told <code> <text>    another call was refused
 *     <process> <handle> warned <code> <text>  onWarning was called
 *     <process> <handle> reads <file>          by fs, which drops locks
 *     <process> <handle> read
 *     <process> <handle> closing <ms>          so long after it was opened
 *     <process> <handle> closed
 *     <process> <handle> shut <code> <text>    close() threw
 *     <process> <handle> left                  the process ends, not the handle
 *     <process> - died <signal>                by what SQLite had mapped
 *     files <incident> begin <act> <file> …    the files are about to suffer
 *     files <incident> took <file>             this one has, just now
 *     files <incident> done
 *     files - part|note <text>                 for whoever looks into a breach
 *     files - end                              all are told to end
 *
 * @module
 */

import type { Found } from "../ledger.ts";

const LOST = "LITELATCH_LOCK_LOST";
const COMFORT = /Nothing that was acknowledged is lost/;
// A look is good for 0.25 ms. In that time a loop can do as many commits.
const MOMENT = 5;
// It would cost each hook 2 ms to look for the locks of SQLite sooner.
const YOUNG_MS = 20;
const RETURNED = "there-and-back";

/** What was done to the files, or to the locks of one process. */
interface Incident {
  readonly name: string;
  readonly act: string;
  readonly files: readonly string[];
  /** When the first file but the lock was taken, whose loss hurts nobody. */
  begin: number;
  isBegun: boolean;
  done: number;
  /** When the database itself was taken, and last; never, if it was not. */
  taken: number;
  /** The only process that it concerns; all of them, if `null`. */
  readonly process: string | null;
}

interface Refusal {
  readonly at: number;
  /** When the call had not begun yet that was refused. */
  readonly since: number;
  readonly code: string;
  readonly text: string;
}

/** One open database of one process. */
interface Handle {
  readonly id: string;
  readonly process: string;
  readonly opening: number;
  /** When; never, if the open was refused. */
  opened: number;
  /** When it was closed, or left to the end of the process. */
  closing: number;
  closed: boolean;
  /** How old it was when it was closed, in milliseconds, if that is told. */
  ageMs: number;
  readonly tries: Map<number, number>;
  readonly acks: Map<number, number>;
  readonly refusals: Refusal[];
}

/** What came of one round. */
export interface Verdict {
  /** Broken promises, one sentence each. */
  readonly exceptions: readonly string[];
  /** What SQLite itself cannot bear: such a round proves nothing about us. */
  readonly unbearable: string | null;
  /** Acknowledged commits that are nowhere, and nobody was told. */
  readonly silent: number;
  readonly commits: number;
  /** What else is worth counting. */
  readonly outcomes: ReadonlyMap<string, number>;
}

/** What sqlite3 found. */
export interface Files {
  /** At the path; `null` if nothing lies there. */
  readonly atPath: Found | null;
  /** Where the database was moved to. */
  readonly moved: readonly Found[];
}

/** The judge of one round. */
export class FileJudge {
  readonly #handles = new Map<string, Handle>();
  readonly #incidents: Incident[] = [];
  readonly #reading = new Map<string, Incident>();
  readonly #died = new Set<string>();
  readonly #exceptions: string[] = [];
  readonly #outcomes = new Map<string, number>();
  /** The last line of each process, and the one before that. */
  readonly #lines = new Map<string, [number, number]>();
  #end = Infinity;
  #line = 0;

  /** Takes in the next line. */
  read(line: string): void {
    const at = ++this.#line;
    const [process = "", id = "", word = "", ...rest] = line.split(" ");
    this.#lines.set(process, [at, this.#lines.get(process)?.[0] ?? 0]);
    if (process === "files") return this.#readIncident(id, word, rest, at);
    if (word === "died") return void this.#died.add(process);
    if (word === "opening" || word === "reopening") {
      this.#end = Infinity;
      this.#handles.set(id, {
        id,
        process,
        opening: at,
        opened: Infinity,
        closing: Infinity,
        closed: false,
        ageMs: Infinity,
        tries: new Map(),
        acks: new Map(),
        refusals: [],
      });
      return;
    }
    const handle = this.#handles.get(id);
    if (handle === undefined) {
      this.#exceptions.push(`the log has a line out of place: "${line}"`);
      return;
    }
    switch (word) {
      case "opened":
        handle.opened = at;
        return;
      case "error":
        return this.#refuseOpen(handle, rest, at);
      case "try":
        return void handle.tries.set(Number(rest[0]), at);
      case "ack":
        return void handle.acks.set(Number(rest[0]), at);
      case "failed":
        return this.#refuse("write", handle, rest.slice(1), at);
      case "told":
        return this.#refuse("checkpoint", handle, rest, at);
      case "warned":
        return this.#count("warnings");
      case "shut":
        return this.#refuse("close", handle, rest, at);
      case "reads":
        this.#count(`incidents: read ${rest[0]}`);
        this.#reading.set(process, {
          name: `reading of ${rest[0]}`,
          act: "read",
          files: rest,
          begin: at,
          isBegun: true,
          done: Infinity,
          taken: -Infinity,
          process,
        });
        return;
      case "read": {
        const reading = this.#reading.get(process);
        if (reading !== undefined) {
          reading.done = at;
          this.#incidents.push(reading);
        }
        return;
      }
      case "closing":
        handle.closing = at;
        handle.ageMs = Number(rest[0] ?? Infinity);
        return;
      case "closed":
        handle.closed = true;
        return;
      case "left":
        handle.closing = at;
        handle.closed = true;
        return;
    }
    this.#exceptions.push(`the log has a line that cannot be read: "${line}"`);
  }

  #readIncident(name: string, word: string, rest: string[], at: number): void {
    const [act = "", ...files] = rest;
    if (word === "part" || word === "note") return;
    if (word === "end") this.#end = at;
    else if (word === "begin") {
      this.#count(`incidents: ${act} ${files.join(" and ")}`);
      const times = { begin: at, done: Infinity, taken: -Infinity };
      const isBegun = false;
      this.#incidents.push(
        { name, act, files, ...times, isBegun, process: null },
      );
    } else {
      const incident = this.#incidents.find((one) => one.name === name);
      if (incident === undefined) return;
      if (word === "done") incident.done = at;
      else if (act === "database") incident.taken = at;
      if (word === "took" && act !== "lock" && !incident.isBegun) {
        incident.begin = at;
        incident.isBegun = true;
      }
    }
  }

  #count(outcome: string, by = 1): void {
    if (by === 0) return;
    this.#outcomes.set(outcome, (this.#outcomes.get(outcome) ?? 0) + by);
  }

  #refuseOpen(handle: Handle, words: string[], at: number): void {
    this.#refuse("open", handle, words, at);
    const [code = "", ...text] = words;
    if (code.startsWith("LITELATCH_") || isRaw(handle)) return;
    this.#exceptions.push(
      `open() let a raw error out to ${handle.id}: ${code} ${text.join(" ")}`,
    );
  }

  #refuse(what: string, handle: Handle, words: string[], at: number): void {
    const [code = "", ...text] = words;
    const [, since = 0] = this.#lines.get(handle.process) ?? [];
    handle.refusals.push({ at, since, code, text: text.join(" ") });
    this.#count(`refused ${what}: ${isRaw(handle) ? "sqlite3" : code}`);
  }

  /** Compares, when all is over. */
  judge(files: Files): Verdict {
    const { atPath, moved } = files;
    if (atPath !== null && atPath.integrity !== "ok") {
      const said = atPath.integrity.split("\n").slice(0, 2).join("; ");
      this.#exceptions.push(`integrity_check says: ${said}`);
    }
    for (const half of atPath?.halves ?? []) {
      this.#exceptions.push(`half of commit ${half} is there`);
    }
    let silent = 0;
    let commits = 0;
    for (const handle of this.#handles.values()) {
      commits += handle.acks.size;
      const places = isElsewhere(handle)
        ? moved
        : this.#wasMoved(handle)
        ? [atPath, ...moved]
        : [atPath];
      const missing = [...handle.acks].filter(([n]) =>
        !places.some((found) => found?.commits.get(handle.id)?.has(n))
      );
      silent += this.#judgeMissing(handle, missing);
      this.#judgeWord(handle);
    }
    return {
      exceptions: this.#exceptions,
      unbearable: this.#unbearable(),
      silent,
      commits,
      outcomes: this.#outcomes,
    };
  }

  /**
   * A process has read the -shm that it had open. Or a -wal came back where
   * others had begun another one meanwhile, with a -shm that is not of it. Or
   * sqlite3 came amid a write, with its checkpoint, whose -wal had been taken:
   * it reads the half of what is being moved, and nobody can stop either. With
   * the -shm alone taken, both append to one -wal.
   */
  #unbearable(): string | null {
    if (this.#incidents.some(({ name }) => name === "reading of -shm")) {
      return "fs read the -shm";
    }
    const handles = [...this.#handles.values()];
    const isLate = this.#incidents.some(({ act, files, begin, done }) =>
      act === RETURNED && files.includes("wal") &&
      handles.some((one) => one.opening < done && one.opened > begin)
    );
    if (isLate) return "a -wal came back after others had opened";
    const isAmid = this.#incidents.some(({ act, files, begin }) =>
      act !== "link" && !files.includes("database") &&
      (files.includes("wal") || files.includes("shm")) &&
      handles.some(({ process, acks, tries }) =>
        [...acks].some(([n, end]) =>
          (tries.get(n) ?? end) < begin && begin < end &&
          handles.some((one) =>
            isRaw(one) && one.process !== process && one.opening < end &&
            (files.includes("wal") ? one.closing : one.opened) > begin
          )
        )
      )
    );
    return isAmid
      ? "sqlite3 came amid a write whose -wal or -shm was taken"
      : null;
  }

  /** Those that happened in the life of a handle, to it. */
  #touching(handle: Handle): Incident[] {
    return this.#incidents.filter((incident) =>
      incident.done > handle.opening &&
      (!handle.closed || incident.begin < handle.closing) &&
      (incident.process === null || incident.process === handle.process)
    );
  }

  #wasMoved(handle: Handle): boolean {
    return this.#incidents.some(({ act, files, done }) =>
      files.includes("database") && act !== "link" && act !== "read" &&
      done > handle.opening
    );
  }

  /** How many of them nobody was told of. */
  #judgeMissing(handle: Handle, missing: readonly [number, number][]): number {
    if (missing.length === 0) return 0;
    const touching = this.#touching(handle);
    const which = `${missing.length} of ${handle.acks.size} commits of ` +
      `${handle.id} (${missing.slice(0, 8).map(([n]) => n).join(", ")}${
        missing.length > 8 ? " …" : ""
      })`;
    const about = touching.length === 0
      ? "no incident in its life"
      : touching.map(({ name, act, files }) =>
        act === "read" ? name : `${name} ${act} ${files.join(" and ")}`
      ).slice(-4).join(", ");
    const last = Math.max(...missing.map(([, at]) => at));
    const told = handle.refusals.filter(({ at, code }) =>
      code === LOST && at > last
    );
    const comforts = told.filter(({ text }) => COMFORT.test(text));
    if (comforts.some((word) => !this.#mayBeTrue(word, handle))) {
      this.#exceptions.push(
        `false comfort: ${which} are nowhere, ${about}; ` +
          "it was told that nothing is lost",
      );
      return missing.length;
    }
    const gone =
      this.#incidents.some((incident) =>
        incident.begin > last && destroys(incident) &&
        !touching.includes(incident)
      ) || touching.some((incident) =>
        replacesNewer(incident, handle) && handle.closing < incident.done
      );
    if (gone) {
      this.#count("commits gone with a file, closed before", missing.length);
      return 0;
    }
    if (isRaw(handle) && touching.length > 0) {
      this.#count("commits of sqlite3 itself gone", missing.length);
      return 0;
    }
    const isAfter = this.#incidents.some((incident) =>
      destroys(incident) && incident.begin < handle.opening
    );
    if (touching.length === 0 && told.length > 0 && isAfter) {
      // It came while others still cleared away what the incident had left.
      this.#count(
        "commits lost and told, of those that came after it",
        missing.length,
      );
      return 0;
    }
    if (touching.length === 0) {
      this.#exceptions.push(`innocent: ${which} are nowhere, ${about}`);
      return missing.length;
    }
    if (told.length === 0 && this.#died.has(handle.process)) {
      this.#count("commits lost, their process died", missing.length);
      return 0;
    }
    const isYoung = handle.ageMs < YOUNG_MS && areReadings(touching);
    if (told.length === 0 && isYoung) {
      this.#count("commits of a young handle lost, by fs", missing.length);
      return 0;
    }
    if (told.length === 0) {
      const others = handle.refusals.filter(({ at }) => at > last)
        .map(({ code, text }) => `${code} ${text}`.slice(0, 120));
      const how = others.length > 0
        ? `only told ${others[0]}`
        : handle.closing < Infinity && !this.#wroteAfter(handle, touching)
        ? "closed without a word"
        : "silence";
      this.#exceptions.push(`${how}: ${which} are nowhere, ${about}`);
      return missing.length;
    }
    if (comforts[0] !== undefined && comforts[0] === told[0]) {
      this.#count(
        "commits gone with a file, after a true word",
        missing.length,
      );
      return 0;
    }
    this.#count("commits lost and told", missing.length);
    this.#judgeLate(handle, missing, touching, which);
    return 0;
  }

  /**
   * Whether all was there when it was said that nothing is lost. It was, if the
   * database was taken away later; in the very moment either may be.
   */
  #mayBeTrue({ since }: Refusal, handle: Handle): boolean {
    return this.#incidents.some((incident) =>
      incident.taken > since &&
      (deletes(incident) || replacesNewer(incident, handle))
    );
  }

  /** Told, but only after it went on for long. */
  #judgeLate(
    handle: Handle,
    missing: readonly [number, number][],
    touching: readonly Incident[],
    which: string,
  ): void {
    const isReading = areReadings(touching);
    const destroying = touching.filter(destroys);
    // What went into files that had come back can go with them later.
    const laterTaken = (at: number) =>
      destroying.some((one) => one.act !== RETURNED && one.done > at);
    const isAfter = (at: number) =>
      destroying.some(({ act, done }) =>
        done < at && (act !== RETURNED || !laterTaken(at))
      );
    // What was in a database when that was deleted is gone in any case.
    const late = missing.filter(([n, at]) =>
      isReading ||
      (isAfter(handle.tries.get(n) ?? 0) &&
        !touching.some((one) => one.begin > at && deletes(one)))
    );
    this.#count("commits of the moment before the look", late.length);
    // What drops locks by reading is noticed after 10 ms, and while the last of
    // the others closes, the WAL is there and moved no more.
    if (isReading || late.length <= MOMENT) return;
    this.#exceptions.push(
      `late: ${late.length} commits of ${handle.id} were acknowledged after ` +
        `the incident and are nowhere (${which})`,
    );
  }

  /** Whether it tried to write after the last incident. */
  #wroteAfter(handle: Handle, touching: readonly Incident[]): boolean {
    const last = Math.max(...touching.map(({ done }) => done));
    return [...handle.tries.values()].some((at) => at > last);
  }

  /** Its lock file is gone for good, and it goes on all the same. */
  #judgeWord(handle: Handle): void {
    const incident = this.#touching(handle).find(({ act, files }) =>
      files.includes("lock") && ["delete", "replace", "away"].includes(act)
    );
    if (incident === undefined || isRaw(handle)) return;
    // One that came in while it happened may have either of them.
    if (handle.opened > incident.begin) return;
    const late = [...handle.acks].filter(([n]) =>
      (handle.tries.get(n) ?? 0) > this.#end
    );
    if (late.length === 0) return;
    this.#exceptions.push(
      `no word: ${handle.id} still writes, long after ${incident.name} ` +
        `${incident.act} ${incident.files.join(" and ")}`,
    );
  }
}

/** Whether nothing but locks can have been lost. */
function areReadings(incidents: readonly Incident[]): boolean {
  return incidents.every(({ act }) => act === "read");
}

/** Whether what is committed can be gone by it. */
function destroys({ act, files }: Incident): boolean {
  return act !== "read" && act !== "link" &&
    files.some((file) => file !== "lock");
}

/** Whether nothing is left of the database that was there. */
function deletes({ act, files }: Incident): boolean {
  return files.includes("database") && (act === "delete" || act === "replace");
}

/** Whether what was made while the database was away went as that came back. */
function replacesNewer({ act, files, begin }: Incident, handle: Handle) {
  return act === RETURNED && files.includes("database") &&
    begin < handle.opening;
}

function isRaw({ process }: Handle): boolean {
  return process.startsWith("sqlite3");
}

/** Opened by the name that the database was moved to. */
function isElsewhere({ process }: Handle): boolean {
  return process.endsWith("@moved");
}
