/**
 * A disk that loses its power: what was synced is there; of what was not, any
 * sector may be as it was at any moment since.
 *
 * @module
 */

import type { Random } from "../seed.ts";
import type { Name, Step } from "./recording.ts";

const SECTOR = 512;

/** How the sectors of one cut are chosen. */
const STYLES = ["oldest", "newest", "either", "any"] as const;
type Style = typeof STYLES[number];

/** What one write left in a sector. */
interface Version {
  readonly bytes: Uint8Array;
  /** How many truncations there had been. */
  readonly age: number;
}

/**
 * A file's content, whatever name leads to it.
 *
 * A truncation is one change of the inode: either it is on the disk, and what
 * it cut off cannot be reached any more, or it is not, and what was written
 * behind it since cannot be reached yet.
 */
class Content {
  /** What was written to each sector since the last sync. */
  readonly #sectors = new Map<number, Version[]>();
  #sizes: { size: number; age: number }[];
  /** To which size each truncation since the last sync has cut. */
  #cuts: number[] = [];
  #synced: Uint8Array;

  constructor(synced: Uint8Array) {
    this.#synced = synced;
    this.#sizes = [{ size: synced.length, age: 0 }];
  }

  write(offset: number, data: Uint8Array): void {
    const end = offset + data.length;
    for (let at = offset; at < end;) {
      const sector = Math.floor(at / SECTOR);
      const stop = Math.min(end, (sector + 1) * SECTOR);
      const next = this.#latest(sector).slice();
      next.set(data.subarray(at - offset, stop - offset), at % SECTOR);
      this.#push(sector, next);
      at = stop;
    }
    this.#resize(Math.max(end, this.#size));
  }

  truncate(size: number): void {
    const before = this.#size;
    if (size < before) this.#cuts.push(size);
    for (let sector = Math.floor(size / SECTOR);; sector++) {
      if (sector * SECTOR >= before) break;
      const next = this.#latest(sector).slice();
      next.fill(0, Math.max(0, size - sector * SECTOR));
      this.#push(sector, next);
    }
    this.#resize(size);
  }

  sync(): void {
    this.#synced = this.#assemble(this.#size, (sector) => this.#latest(sector));
    this.#sectors.clear();
    this.#sizes = [{ size: this.#size, age: 0 }];
    this.#cuts = [];
  }

  /** What the next start finds. */
  after(random: Random, style: Style): Uint8Array {
    const choose = <T>(versions: readonly T[]): T => {
      const last = versions.length - 1;
      switch (style) {
        case "oldest":
          return versions[0] as T;
        case "newest":
          return versions[last] as T;
        case "either":
          return versions[random.chance(0.5) ? 0 : last] as T;
        case "any":
          return random.pick(versions);
      }
    };
    const age = choose(
      Array.from({ length: this.#cuts.length + 1 }, (_, i) => i),
    );
    const sizes = this.#sizes.filter((one) => one.age === age);
    return this.#assemble(choose(sizes).size, (sector) => {
      const old = { bytes: this.#old(sector), age: 0 };
      const all = [old, ...this.#sectors.get(sector) ?? []];
      return choose(all.filter((one) => this.#isThere(sector, one.age, age)))
        .bytes;
    });
  }

  /** Whether a version can be reached when the first `age` cuts are done. */
  #isThere(sector: number, written: number, age: number): boolean {
    return this.#cuts.every((size, i) =>
      sector * SECTOR < size || (written > i) === (age > i)
    );
  }

  get #size(): number {
    return this.#sizes.at(-1)?.size ?? 0;
  }

  #resize(size: number): void {
    const age = this.#cuts.length;
    const last = this.#sizes.at(-1);
    if (size !== last?.size || age !== last.age) {
      this.#sizes.push({ size, age });
    }
  }

  #push(sector: number, bytes: Uint8Array): void {
    const version = { bytes, age: this.#cuts.length };
    const versions = this.#sectors.get(sector);
    if (versions === undefined) this.#sectors.set(sector, [version]);
    else versions.push(version);
  }

  #latest(sector: number): Uint8Array {
    return this.#sectors.get(sector)?.at(-1)?.bytes ?? this.#old(sector);
  }

  /** Zeros behind the end. */
  #old(sector: number): Uint8Array {
    const bytes = new Uint8Array(SECTOR);
    const start = sector * SECTOR;
    bytes.set(this.#synced.subarray(start, start + SECTOR));
    return bytes;
  }

  #assemble(
    size: number,
    bytesOf: (sector: number) => Uint8Array,
  ): Uint8Array {
    const whole = new Uint8Array(size);
    for (let sector = 0; sector * SECTOR < size; sector++) {
      const start = sector * SECTOR;
      whole.set(bytesOf(sector).subarray(0, size - start), start);
    }
    return whole;
  }
}

/** The files of one database on such a disk. */
export class Disk {
  /** Names as they were at the last sync of the folder, and since. */
  #names: Map<Name, Content>[];
  readonly #forgetful: boolean;

  /**
   * @param database The file as it was before, safely on the disk.
   * @param forgetful Takes no sync seriously: the replay must notice.
   */
  constructor(database: Uint8Array, forgetful = false) {
    this.#names = [new Map([["db", new Content(database)]])];
    this.#forgetful = forgetful;
  }

  /** Takes the next step. */
  take(step: Step): void {
    if (step.do === "ack") return;
    const names = this.#names.at(-1) as Map<Name, Content>;
    if (step.do === "create") {
      const content = new Content(new Uint8Array());
      this.#names.push(new Map(names).set(step.name, content));
    } else if (step.do === "unlink") {
      const left = new Map(names);
      left.delete(step.name);
      this.#names.push(left);
    } else if (step.do === "sync" && step.name === "folder") {
      if (!this.#forgetful) this.#names = [names];
    } else {
      const content = names.get(step.name);
      if (content === undefined) {
        throw new Error(`Cannot replay: ${step.do} on a missing ${step.name}`);
      }
      if (step.do === "write") content.write(step.offset, step.data);
      else if (step.do === "truncate") content.truncate(step.size);
      else if (!this.#forgetful) content.sync();
    }
  }

  /**
   * The files that the next start finds. Names come and go in their order, as
   * with every journaling file system.
   */
  cut(random: Random): Map<Name, Uint8Array> {
    const style = random.pick(STYLES);
    const names = style === "oldest"
      ? this.#names[0]
      : style === "newest"
      ? this.#names.at(-1)
      : random.pick(this.#names);
    return new Map(
      [...names ?? []].map(([name, content]) =>
        [name, content.after(random, style)] as const
      ),
    );
  }
}
