/**
 * Facts as people read them.
 *
 * @module
 */

/** A size such as `16 MiB`. */
export function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = "B";
  for (const next of units) {
    if (value < 1024) break;
    value /= 1024;
    unit = next;
  }
  const digits = value < 10 && !Number.isInteger(value) ? 1 : 0;
  return `${value.toFixed(digits)} ${unit}`;
}

/** `1 frame`, `2 frames`. */
export function count(number: number, noun: string): string {
  const many = /(s|sh|ch|x)$/.test(noun) ? `${noun}es` : `${noun}s`;
  return `${number} ${number === 1 ? noun : many}`;
}

/** `a`, `a and b`, `a, b and c`. */
export function list(items: string[]): string {
  if (items.length < 2) return items.join();
  return `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`;
}

/** The time alone for today, the day alone for any other; both in UTC. */
export function since(iso: string, now = new Date()): string {
  const today = now.toISOString().slice(0, 10);
  return iso.startsWith(today)
    ? iso.slice(11).replace(/\.\d+Z$/, "Z")
    : iso.slice(0, 10);
}
