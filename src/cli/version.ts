/**
 * The version that `--version` prints: the one of deno.json, which not every
 * package has at hand.
 *
 * @module
 */

/** The version of litelatch. */
export const VERSION = "0.1.0";
