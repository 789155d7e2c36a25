/**
 * Keeps secrets out of what is said.
 *
 * @module
 */

import { encode } from "./key_range.ts";

/**
 * Makes a function that takes secrets out of a text. Proxies quote a request in
 * their answer, and with it the password.
 */
export function hider(
  secrets: readonly (string | null)[],
): (text: string) => string {
  const spellings = secrets
    .filter((secret) => secret !== null && secret !== "")
    .flatMap((secret) => spellingsOf(secret as string))
    // The longer first: one may hold the other.
    .sort((a, b) => b.length - a.length);
  return (text) =>
    spellings.reduce((left, secret) => left.replaceAll(secret, "…"), text);
}

/** As it is, in JSON, in a URL and in base64. */
function spellingsOf(secret: string): string[] {
  return [
    secret,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret.toWellFormed()),
    encode(secret),
  ];
}
