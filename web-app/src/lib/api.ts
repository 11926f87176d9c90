// The HTTP API as docs/ref/openapi.json describes it, for what is done seldom: settings and the
// admin page. `npm run api` makes its types anew; a test fails when they are not up to date.

import createClient from "openapi-fetch";
import type { components, paths } from "./api-schema.d.ts";
import type { Problem } from "./problem.ts";

export type Schemas = components["schemas"];
export type Kind = Schemas["Kind"];
export type AccountInfo = Schemas["Account"];
export type Rights = Schemas["Rights"];
export type Who = Schemas["Who"];
export type TokenInfo = Schemas["Tokens"]["tokens"][number];
export type WebSession = Schemas["Sessions"]["sessions"][number];
export type Connections = Schemas["Connections"];
export type AuditEntry = Schemas["Audit"]["entries"][number];

/** What came of a request. */
export type Answer<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: Problem };

/** Long enough for a password that waits for others to be hashed. */
const DEADLINE_MS = 15_000;

/** Each route with its method, parameters, body and answer; goes into `ask`. */
export const api = client();

export function client(
  fetch: (request: Request) => Promise<Response> = (request) => globalThis.fetch(request),
  baseUrl: string = globalThis.location?.origin ?? "",
) {
  return createClient<paths>({
    baseUrl,
    cache: "no-store",
    fetch: (request) => fetch(new Request(request, { signal: AbortSignal.timeout(DEADLINE_MS) })),
  });
}

/** Waits for a request of `api`; nothing is thrown. */
export async function ask<T>(request: Promise<Reply<T>>): Promise<Answer<T>> {
  let reply: Reply<T>;
  try {
    reply = await request;
  } catch {
    return { ok: false, problem: { kind: "serverAway" } };
  }
  const { response, data, error } = reply;
  if (response.ok) return { ok: true, value: data as T };
  return { ok: false, problem: describe(response, error) };
}

interface Reply<T> {
  readonly data?: T;
  readonly error?: unknown;
  readonly response: Response;
}

function describe(response: Response, error: unknown): Problem {
  if (response.status === 401) return { kind: "sessionEnded" };
  if (response.status === 429) {
    const seconds = Math.max(1, Number(response.headers.get("retry-after")) || 1);
    return { kind: "loginTooSoon", seconds, until: Date.now() + seconds * 1000 };
  }
  const { code, details } = fields(error);
  return {
    kind: "requestRefused",
    ...(typeof code === "string" && { code }),
    details: typeof details === "string" ? details.slice(0, 300) : "",
  };
}

function fields(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
