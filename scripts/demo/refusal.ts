/**
 * One refusal of an exclusive lock, between two real processes.
 *
 * @module
 */

import type { Runtime } from "../runtimes/runtimes.ts";
import { startChild } from "./children.ts";

/** Who held, who was refused, and what that one printed. */
export interface Refusal {
  readonly holder: string;
  readonly asker: string;
  readonly code: number | null;
  readonly message: string;
}

/** Lets one process hold the database while another opens it. */
export async function refuse(
  database: string,
  [first, second]: readonly [Runtime, Runtime],
): Promise<Refusal> {
  const holder = startChild(first, "holder.ts", [database]);
  await holder.nextLine();
  const asker = startChild(second, "asker.ts", [database]);
  const { code, stderr } = await asker.ended;
  holder.dismiss();
  await holder.ended;
  if (code !== 1 || stderr === "") {
    throw new Error(
      `Cannot show a refusal: ${asker.label} must be refused, got exit code ` +
        `${code} and "${stderr}"`,
    );
  }
  return { holder: holder.label, asker: asker.label, code, message: stderr };
}
