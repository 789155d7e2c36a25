/**
 * Chance that can be had again: the same seed gives the same choices.
 *
 * It repeats what the harness chooses (who is killed, which call fails, where
 * the power goes), not how the kernel schedules the processes.
 *
 * @module
 */

/** A stream of choices. */
export interface Random {
  /** At least 0, less than 1. */
  next(): number;
  /** A whole number, both ends included. */
  between(least: number, most: number): number;
  chance(share: number): boolean;
  pick<T>(list: readonly T[]): T;
  shuffle<T>(list: readonly T[]): T[];
}

/** Starts a stream; different words give different streams. */
export function random(...words: readonly (string | number)[]): Random {
  let state = hash(words.join("\n"));
  // splitmix32: each state gives one number, and all states come by.
  const next = () => {
    state = (state + 0x9e3779b9) | 0;
    return mix(state) / 2 ** 32;
  };
  const between = (least: number, most: number) =>
    least + Math.floor(next() * (most - least + 1));
  return {
    next,
    between,
    chance: (share) => next() < share,
    pick<T>(list: readonly T[]): T {
      if (list.length === 0) throw new Error("Cannot pick from an empty list");
      return list[between(0, list.length - 1)] as T;
    },
    shuffle<T>(list: readonly T[]): T[] {
      const shuffled = [...list];
      for (let i = shuffled.length - 1; i > 0; i--) {
        const j = between(0, i);
        const moved = shuffled[i] as T;
        shuffled[i] = shuffled[j] as T;
        shuffled[j] = moved;
      }
      return shuffled;
    },
  };
}

/**
 * The seed of one episode. The first has the seed of the run itself, so that
 * any episode can be had again as the first one of another run.
 */
export function episodeSeed(seed: number, episode: number): number {
  return episode === 0 ? seed : hash(`${seed} ${episode}`);
}

/** FNV-1a, stirred: neighbours like "1" and "2" end up far apart. */
function hash(text: string): number {
  let state = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    state = Math.imul(state ^ text.charCodeAt(i), 0x01000193);
  }
  return mix(state);
}

function mix(word: number): number {
  let mixed = word;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}
