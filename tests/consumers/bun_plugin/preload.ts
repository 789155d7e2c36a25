/**
 * For programs that import `.csv` files as they run:
 * `bun --preload ./preload.ts app.ts`, or `preload` in bunfig.toml.
 *
 * @module
 */

import { plugin } from "bun";
import { csv } from "./csv_plugin.ts";

plugin(csv("build_cache.db"));
