/**
 * A registry on the loopback that has one package: Deno takes an `npm:` import
 * from a registry only.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { packageJson } from "./ship/npm.ts";

/** A registry that answers until it is closed. */
export interface Registry {
  readonly url: string;
  close(): void;
}

/** Serves what `npm pack` has made of this release. */
export async function serveRegistry(tarball: string): Promise<Registry> {
  const bytes = readFileSync(tarball);
  const hash = createHash("sha512").update(bytes).digest("base64");
  const json = packageJson();
  const server = createServer(({ url = "", headers }, response) => {
    if (url === `/${json.name}`) {
      const dist = {
        tarball: `http://${headers.host}/${json.name}.tgz`,
        integrity: `sha512-${hash}`,
      };
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({
        name: json.name,
        "dist-tags": { latest: json.version },
        versions: { [json.version]: { ...json, dist } },
      }));
    } else if (url === `/${json.name}.tgz`) response.end(bytes);
    else response.writeHead(404).end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/`, close: () => server.close() };
}
