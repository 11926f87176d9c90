// Calls that are over, over HTTP, and which of them somebody missed.

import type { EndReason } from "./call.ts";
import type { Fetch } from "./accounts.ts";

/** One call of the own account. */
export interface PastCall {
  readonly id: number;
  readonly caller: string;
  readonly callee: string;
  /** Ms since the epoch. */
  readonly began: number;
  readonly rangMs: number;
  /** Null: it was not accepted. */
  readonly talkedMs: number | null;
  readonly reason: EndReason;
}

/** Which calls are asked for. */
export interface Which {
  /** Only those. */
  readonly missed: boolean;
  /** Only those before the call of this id; null: the latest. */
  readonly before: number | null;
}

/** As many as are told at once; fewer are the last. */
export const PAGE = 50;
const DEADLINE_MS = 15_000;

export class History {
  readonly #fetch: Fetch;

  constructor(fetch: Fetch = (path, init) => globalThis.fetch(path, init)) {
    this.#fetch = fetch;
  }

  /** The latest first; null while the server cannot tell. Has what it said is over. */
  async page({ missed, before }: Which): Promise<PastCall[] | null> {
    const which = `${missed ? "&missed=true" : ""}${before === null ? "" : `&before=${before}`}`;
    return this.#calls(`limit=${PAGE}${which}`);
  }

  /** Those that were missed since then (ms since the epoch), 100 at most. */
  async missed(since: number): Promise<PastCall[] | null> {
    return this.#calls(`missed=true&since=${encodeURIComponent(new Date(since).toISOString())}`);
  }

  async #calls(query: string): Promise<PastCall[] | null> {
    const signal = AbortSignal.timeout(DEADLINE_MS);
    try {
      const path = `/api/calls?${query}`;
      const response = await this.#fetch(path, { method: "GET", cache: "no-store", signal });
      return response.ok ? parse(await response.json()) : null;
    } catch {
      return null;
    }
  }
}

function parse(value: unknown): PastCall[] | null {
  const calls = (value as { calls?: unknown } | null)?.calls;
  if (!Array.isArray(calls)) return null;
  return calls.map((call: Omit<PastCall, "began"> & { began: string }) => ({
    ...call,
    began: Date.parse(call.began),
  }));
}
