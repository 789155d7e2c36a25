/**
 * Makes text that others wrote fit for a terminal and a log.
 *
 * @module
 */

// Control and format characters, with the bidirectional and zero-width ones
// among them, line separators, and what every font draws as nothing.
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** One line of at most `most` characters; what is unsafe becomes `?`. */
export function printable(text: string, most: number): string {
  const short = text.length > most ? `${text.slice(0, most)}…` : text;
  return short.replace(/\s+/g, " ").replace(UNSAFE, "?").trim();
}

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
  const bytes = new TextEncoder().encode(secret);
  return [
    secret,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret.toWellFormed()),
    btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")),
  ];
}
