/**
 * Loads SQLite without Node 22's remark that it is experimental, which every
 * hook would print on its user's terminal.
 *
 * @module
 */

/** Runs `load`, keeping exactly that one warning off stderr. */
export function quietly<T>(load: () => T): T {
  if (!process.versions.node?.startsWith("22.")) return load();
  const original = process.emitWarning;
  const filtered = (warning: string | Error, ...rest: unknown[]): void => {
    if (String(warning).startsWith("SQLite is an experimental feature")) return;
    Reflect.apply(original, process, [warning, ...rest]);
  };
  process.emitWarning = filtered;
  try {
    return load();
  } finally {
    process.emitWarning = original;
  }
}
