/**
 * Where warnings go.
 *
 * @module
 */

import { warn } from "../os/process.ts";
import type { Settings } from "../settings.ts";

/** Gives a warning where the caller wants it. */
export function tell(
  settings: Settings,
  message: string,
  code: string,
): void {
  if (settings.onWarning === null) warn(message, code);
  else settings.onWarning(message);
}
