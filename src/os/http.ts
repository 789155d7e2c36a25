/**
 * One request over HTTP, by what each runtime offers for it.
 *
 * Without certificates it is `fetch` everywhere. With them, Bun takes them as
 * an option of `fetch`, Deno as an HTTP client, and Node's `fetch` cannot be
 * given any, so there it is `node:https`.
 */

/** Certificates and keys, as PEM text. */
export interface Certificates {
  /** Who signed the server's certificate. */
  ca?: string;
  /** Our own certificate. */
  cert?: string;
  /** The key of our own certificate. */
  key?: string;
}

/** What is sent. */
export interface Outgoing {
  method: "GET" | "POST";
  headers: Record<string, string>;
  body?: string;
  signal: AbortSignal;
}

/** What comes back. */
export interface Incoming {
  status: number;
  /** How it is compressed; `null` if it is not, or not any more. */
  encoding: string | null;
  chunks: AsyncIterable<Uint8Array>;
}

/** Sends requests with the same certificates. */
export interface Sender {
  send(url: string, outgoing: Outgoing): Promise<Incoming>;
  /** Closes connections that are kept for the next request. */
  close(): void;
}

interface DenoHttp {
  createHttpClient(options: {
    caCerts: string[];
    cert?: string;
    key?: string;
  }): { close(): void };
}

/** Chooses how to send, once. */
export function sender(certificates: Certificates | null): Sender {
  if (certificates === null) return { send: byFetch({}), close: () => {} };
  const { Bun, Deno } = globalThis as { Bun?: unknown; Deno?: DenoHttp };
  if (Bun !== undefined) {
    return { send: byFetch({ tls: certificates }), close: () => {} };
  }
  if (Deno?.createHttpClient === undefined) return byHttps(certificates);
  const { ca, ...own } = certificates;
  const caCerts = ca === undefined ? [] : [ca];
  const client = Deno.createHttpClient({ caCerts, ...own });
  return { send: byFetch({ client }), close: () => client.close() };
}

// A redirect is told of, not followed: the password would go along. Nor does
// anything want to be compressed. Bun 1.4 would unpack a whole answer before it
// gives any of it, however long it is, unless `decompress` is off.
const NOTHING_BY_ITSELF = { redirect: "manual", decompress: false };
const PLAIN = { "accept-encoding": "identity" };

function byFetch(more: object): Sender["send"] {
  return async (url, outgoing) => {
    const { status, headers, body } = await fetch(
      url,
      {
        ...NOTHING_BY_ITSELF,
        ...outgoing,
        headers: { ...PLAIN, ...outgoing.headers },
        ...more,
      } as RequestInit,
    );
    const encoding = headers.get("content-encoding");
    return { status, encoding, chunks: body ?? none() };
  };
}

function byHttps(certificates: Certificates): Sender {
  const https = process.getBuiltinModule("node:https");
  const agent = new https.Agent({ ...certificates, keepAlive: true });
  return {
    send: (url, { body, ...outgoing }) =>
      new Promise((resolve, reject) => {
        const headers = { ...PLAIN, ...outgoing.headers };
        const request = https.request(url, { agent, ...outgoing, headers });
        request.on("error", reject);
        request.on("response", (response) => {
          resolve({
            status: response.statusCode ?? 0,
            encoding: response.headers["content-encoding"] ?? null,
            chunks: response,
          });
        });
        request.end(body);
      }),
    close: () => agent.destroy(),
  };
}

async function* none(): AsyncGenerator<Uint8Array> {}
