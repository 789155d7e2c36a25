/**
 * All storms, in the order in which they are played.
 *
 * @module
 */

import { namespaces, users } from "./borders.ts";
import { clock } from "./clock.ts";
import { fullDisk, slowDisk } from "./disk.ts";
import { files } from "./files.ts";
import { faults } from "./faults.ts";
import { freeze } from "./freeze.ts";
import { kill } from "./kill.ts";
import { power } from "./power.ts";
import type { Storm } from "./storm.ts";

/** The list. */
export const STORMS: readonly Storm[] = [
  kill,
  faults,
  power,
  freeze,
  namespaces,
  users,
  clock,
  slowDisk,
  fullDisk,
  files,
];
