/**
 * The story of one lock: count, try, wait or refuse.
 *
 * The pidfile says who; the kernel says whether. Whoever has the lock file
 * EXCLUSIVE is alone in a critical section that a crash ends, so every record
 * there is litter, but for that of a holder whose lock file was deleted.
 */

import type { Holder, LegacyGuard, OldVersion } from "../options.ts";
import { Stopwatch } from "../os/clock.ts";
import { atExit } from "../os/exit_hooks.ts";
import { type HeldLock, sharedState } from "../os/shared_state.ts";
import type { Waiting } from "../os/waiting.ts";
import { holdersNow, toHolder } from "./holders.ts";
import { clearLitter } from "./litter.ts";
import { Lock } from "./lock.ts";
import { LockFile } from "./lock_file.ts";
import { publishOwn } from "./pidfiles.ts";
import { type Ask, refused } from "./refusal.ts";

// In a slice SQLite waits, and the event loop stands still.
const SLICE = { ms: 50, every: 0 };
const ASYNC_SLICE = { ms: 20, every: 120 };
// A shared newcomer must not sleep through the gap between two slices.
const AFTER_SLICE_MS = 4;
// Who only asks shows as BUSY too, for as long as a slice. So BUSY is doubted for
// longer, unless a record proves a living holder.
const DOUBT_MS = 120;
const MOST_DOUBT_MS = 1200;
// Who waits for longer is a standby: not felt, but in after 100 ms at the most.
