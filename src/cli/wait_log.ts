/**
 * Who was seen waiting for how long, from one look to the next.
 *
 * @module
 */

/** One wait. A process that waits at each look may have had turns in between. */
export interface SeenWait {
  pid: number;
  /** From the first look at which it waited to the last one. */
  ms: number;
  /** PIDs that were seen writing meanwhile. */
  behind: number[];
}

const KEPT_MS = 60_000;
const SHOWN = 3;

/** The waits of the last minute. */
export class WaitLog {
  #waits: (SeenWait & { start: number; end: number; isOver: boolean })[] = [];

  /**
   * Notes one look.
   *
   * @returns The longest waits of the last minute, the longest first.
   */
  note(
    waiting: readonly number[] | null,
    writing: readonly number[] | null,
    at: number,
  ): SeenWait[] {
    const under = this.#waits.filter(({ isOver }) => !isOver);
    for (const wait of under) {
      wait.isOver = waiting?.includes(wait.pid) !== true;
    }
    for (const pid of waiting ?? []) {
      let wait = under.find((one) => one.pid === pid);
      if (wait === undefined) {
        wait = { pid, ms: 0, behind: [], start: at, end: at, isOver: false };
        this.#waits.push(wait);
      }
      wait.end = at;
      wait.ms = Math.round(at - wait.start);
      wait.behind = [...new Set([...wait.behind, ...writing ?? []])];
    }
    this.#waits = this.#waits.filter(({ end }) => at - end <= KEPT_MS);
    return this.#waits.filter(({ ms }) => ms > 0)
      .sort((one, other) => other.ms - one.ms).slice(0, SHOWN)
      .map(({ pid, ms, behind }) => ({ pid, ms, behind }));
  }
}

/** One wait in words. */
export function waitWords({ pid, ms, behind }: SeenWait): string {
  const writers = behind.length > 0 ? ` behind PID ${behind.join(", ")}` : "";
  return `PID ${pid} ${(ms / 1000).toFixed(1)} s${writers}`;
}
