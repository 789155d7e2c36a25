/**
 * All storms, in the order in which they are played.
 *
 * @module
 */

import { faults } from "./faults.ts";
import { kill } from "./kill.ts";
import { power } from "./power.ts";
import type { Storm } from "./storm.ts";

/** The list. */
export const STORMS: readonly Storm[] = [kill, faults, power];
