// Accounts over HTTP: what the server allows, as whom this browser comes, in and out.
// The login itself is a cookie that no script can read; a password is sent and forgotten.

import type { Problem } from "./problem.ts";

/** What the server's owner allows. */
export interface Rules {
  /** What those without a login may do. */
  readonly guests: "deny" | "watch" | "full";
  /** Who may make an account without being asked. */
  readonly registration: "open" | "invite" | "closed";
}

export interface Account {
  readonly name: string;
  readonly kind: "user" | "device" | "admin";
  readonly label: string | null;
}

/** What the server says to somebody who comes in; without an account, a guest. */
export interface Visit {
  readonly rules: Rules;
  readonly account: Account | null;
}

export interface Registration {
  readonly name: string;
  readonly password: string;
  /** Null where everybody may register. */
  readonly invite: string | null;
}

/** `fetch`, or a test's. */
export type Fetch = (path: string, init: RequestInit) => Promise<Response>;

/** Long enough for a password that waits for others to be hashed. */
const DEADLINE_MS = 15_000;

export class Accounts {
  readonly #fetch: Fetch;

  constructor(fetch: Fetch = (path, init) => globalThis.fetch(path, init)) {
    this.#fetch = fetch;
  }

  /** Null while the server cannot tell. */
  async visit(): Promise<Visit | null> {
    const response = await this.#ask("GET", "/api/info");
    return response?.ok ? parseVisit(await json(response)) : null;
  }

  /** What kept somebody from logging in; null when nothing did. */
  async logIn(name: string, password: string): Promise<Problem | null> {
    return this.#done("/api/login", { name, password });
  }

  /** Makes an account and logs in with it; what kept somebody from that. */
  async register(registration: Registration): Promise<Problem | null> {
    return this.#done("/api/register", registration);
  }

  /** What kept somebody from logging out. One who is not logged in is out. */
  async logOut(): Promise<Problem | null> {
    const problem = await this.#done("/api/logout");
    return problem?.kind === "loginWrong" ? null : problem;
  }

  async #done(path: string, body?: object): Promise<Problem | null> {
    const response = await this.#ask("POST", path, body);
    if (!response) return { kind: "serverAway" };
    return response.ok ? null : describe(response);
  }

  async #ask(method: string, path: string, body?: object): Promise<Response | null> {
    const content = body && {
      body: JSON.stringify(body),
      headers: { "content-type": "application/json" },
    };
    const signal = AbortSignal.timeout(DEADLINE_MS);
    try {
      return await this.#fetch(path, { method, cache: "no-store", signal, ...content });
    } catch {
      return null;
    }
  }
}

async function describe(response: Response): Promise<Problem> {
  if (response.status === 401) return { kind: "loginWrong" };
  if (response.status === 429) {
    const seconds = Math.max(1, Number(response.headers.get("retry-after")) || 1);
    return { kind: "loginTooSoon", seconds, until: Date.now() + seconds * 1000 };
  }
  const { code, details } = fields(await json(response));
  return {
    kind: "loginRefused",
    ...(typeof code === "string" && { code }),
    details: typeof details === "string" ? details.slice(0, 300) : "",
  };
}

function parseVisit(value: unknown): Visit | null {
  const { guests, registration, account } = fields(value);
  if (guests !== "deny" && guests !== "watch" && guests !== "full") return null;
  if (registration !== "open" && registration !== "invite" && registration !== "closed") {
    return null;
  }
  const rules = { guests, registration } as const;
  if (account === null) return { rules, account };
  const { name, kind, label } = fields(account);
  if (typeof name !== "string") return null;
  if (kind !== "user" && kind !== "device" && kind !== "admin") return null;
  return { rules, account: { name, kind, label: typeof label === "string" ? label : null } };
}

async function json(response: Response): Promise<unknown> {
  return response.json().catch(() => null) as Promise<unknown>;
}

function fields(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
