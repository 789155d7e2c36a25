/**
 * Why facts are missing.
 *
 * @module
 */

/** Collects why facts are `null`. */
export class Reasons {
  readonly all: Record<string, string> = {};

  /** Notes why a fact is missing. The first reason stands. */
  note(fact: string, reason: string): null {
    this.all[fact] ??= reason;
    return null;
  }
}
