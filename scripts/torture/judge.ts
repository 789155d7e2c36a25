/**
 * Reads the log that all processes of a storm append to, and says what it
 * proves.
 *
 * Each line is one write(2) with O_APPEND, so its place is the kernel's own
 * order and no process can have it wrong: a holder says `hold` after the lock
 * was given and `drop` before it lets go. The harness says `kill` before it
 * kills. So when a second holder appears, the first one had been killed, or
 * there were two; and a killed one that says anything afterwards was alive.
 *
 *     <id> hold exclusive|shared     it was given the lock
 *     <id> drop                      it is about to let go
 *     <id> ack <n>                   its commit n was acknowledged
 *     <id> failed <n> <code> <text>  its commit n was refused
 *     <id> error <code> <text>       the lock or the database was refused
 *     <id> kill                      it is about to be killed
 *     <id> gone                      the kernel says that it has ended
 *
 * @module
 */

type Mode = "exclusive" | "shared";

/** A refusal, as the process told of it. */
export interface Refusal {
  readonly id: string;
  /** `LITELATCH_…`, `SQLITE_<n>`, or the code of a system error. */
  readonly code: string;
  readonly text: string;
}

/** What the log says up to now. */
export class Judge {
  acquisitions = 0;
  /** Takeovers of a lock that a killed holder had. */
  takeovers = 0;
  doubleHolders = 0;
  /** Breaches, one sentence each. */
  readonly breaches: string[] = [];
  readonly refusals: Refusal[] = [];
  /** The numbers of acknowledged commits, by writer. */
  readonly acknowledged = new Map<string, Set<number>>();
  /** The numbers of refused commits, by writer. */
  readonly refused = new Map<string, Set<number>>();
  readonly #holding = new Map<string, Mode>();
  readonly #killed = new Set<string>();
  /** Killed holders whose lock somebody has taken over. */
  readonly #succeeded = new Map<string, string>();

  /** Those that hold by now, as far as they have said so. */
  get holders(): string[] {
    return [...this.#holding.keys()];
  }

  /** How many commits were acknowledged. */
  get commits(): number {
    let sum = 0;
    for (const numbers of this.acknowledged.values()) sum += numbers.size;
    return sum;
  }

  /** Takes in the next line. */
  read(line: string): void {
    const [id = "", word = "", ...rest] = line.split(" ");
    const successor = this.#succeeded.get(id);
    if (successor !== undefined && word !== "gone") {
      this.#double(
        `${id} was still there ("${word}") when ${successor} had its lock`,
      );
      this.#succeeded.delete(id);
    }
    switch (word) {
      case "hold":
        return this.#hold(id, rest[0] ?? "");
      case "drop":
        if (!this.#holding.delete(id)) {
          this.breaches.push(`${id} let go of what it did not hold`);
        }
        return;
      case "ack":
        return add(this.acknowledged, id, Number(rest[0]));
      case "failed":
        add(this.refused, id, Number(rest.shift()));
        return this.#refuse(id, rest);
      case "error":
        return this.#refuse(id, rest);
      case "kill":
        this.#killed.add(id);
        return;
      case "gone":
        this.#holding.delete(id);
        this.#succeeded.delete(id);
        return;
    }
    this.breaches.push(`the log has a line that cannot be read: "${line}"`);
  }

  #hold(id: string, mode: string): void {
    if (mode !== "exclusive" && mode !== "shared") {
      this.breaches.push(`${id} holds in no known mode: "${mode}"`);
      return;
    }
    this.acquisitions++;
    for (const [other, held] of this.#holding) {
      if (mode === "shared" && held === "shared") continue;
      if (this.#killed.has(other)) {
        this.#holding.delete(other);
        this.takeovers++;
        this.#succeeded.set(other, id);
      } else {
        this.#double(
          `${id} was given the ${mode} lock while ${other} had it ${held}`,
        );
      }
    }
    this.#holding.set(id, mode);
  }

  #double(sentence: string): void {
    this.doubleHolders++;
    this.breaches.push(`two holders: ${sentence}`);
  }

  #refuse(id: string, [code = "", ...words]: string[]): void {
    this.refusals.push({ id, code, text: words.join(" ") });
  }
}

function add(map: Map<string, Set<number>>, id: string, n: number): void {
  let numbers = map.get(id);
  if (numbers === undefined) map.set(id, numbers = new Set());
  numbers.add(n);
}
