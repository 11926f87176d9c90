import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Accounts } from "../src/lib/accounts.ts";
import { Login } from "../src/lib/login.ts";
import type { Event } from "../src/lib/state.ts";

const rules = { guests: "deny", registration: "closed" } as const;
const ann = { name: "ann", kind: "user", label: null };
const stranger = { version: "1", ...rules, account: null };
const known = { ...stranger, account: ann };

describe("the way in", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("asks until the server answers", async () => {
    const { login, events, answer } = world();
    answer("GET /api/info", null);
    await login.start();
    const [away] = events;
    if (away?.type !== "serverAway") throw new Error(`not away: ${away?.type}`);
    answer("GET /api/info", 503);
    await vi.advanceTimersByTimeAsync(away.retryAt - Date.now());
    answer("GET /api/info", 200, stranger);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(events.map(({ type }) => type)).toEqual(["serverAway", "serverAway", "visited"]);
    expect(events.at(-1)).toEqual({ type: "visited", visit: { rules, account: null } });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(events).toHaveLength(3);
  });

  it("is asked for once at a time", async () => {
    const { login, events, asked, answer } = world();
    answer("GET /api/info", 200, known);
    await Promise.all([login.start(), login.start()]);
    expect(asked).toHaveLength(1);
    expect(events).toHaveLength(1);
  });

  it("believes in a login only when the cookie has come back", async () => {
    const { login, events, asked, answer } = world();
    answer("POST /api/login", 200, ann);
    answer("GET /api/info", 200, stranger);
    await login.logIn("ann", "secret words");
    expect(events.at(-1)).toEqual({ type: "loginFailed", problem: { kind: "loginLost" } });
    answer("GET /api/info", 200, known);
    await login.logIn("ann", "secret words");
    expect(events.at(-1)).toEqual({ type: "visited", visit: { rules, account: ann } });
    expect(asked[0]).toEqual({
      what: "POST /api/login",
      body: { name: "ann", password: "secret words" },
    });
  });

  it.each([
    { status: 401, body: { code: "badLogin", details: "x" }, problem: { kind: "loginWrong" } },
    {
      status: 429,
      body: { code: "tooManyFailures", details: "x" },
      problem: { kind: "loginTooSoon", seconds: 13, until: 13_000 },
    },
    {
      status: 503,
      body: { code: "unavailable", details: "later" },
      problem: { kind: "loginRefused", code: "unavailable", details: "later" },
    },
    { status: 502, body: "<html>", problem: { kind: "loginRefused", details: "" } },
    { status: null, body: null, problem: { kind: "serverAway" } },
  ])("says why not, after $status", async ({ status, body, problem }) => {
    vi.setSystemTime(0);
    const { login, events, answer } = world();
    answer("POST /api/login", status, body);
    await login.logIn("ann", "secret words");
    expect(events).toEqual([{ type: "loginStarted" }, { type: "loginFailed", problem }]);
  });

  it("registers with an invitation or without", async () => {
    const { login, events, asked, answer } = world();
    const registration = { name: "ann", password: "secret words", invite: null };
    answer("POST /api/register", 409, { code: "nameTaken", details: "there is an account ann" });
    await login.register(registration);
    const problem = { kind: "loginRefused", code: "nameTaken", details: "there is an account ann" };
    expect(events.at(-1)).toEqual({ type: "loginFailed", problem });
    expect(asked).toEqual([{ what: "POST /api/register", body: registration }]);
  });

  it("out is out, also when the session was over already; but not while the server is away", async () => {
    const { login, events, answer } = world();
    for (const status of [204, 401]) {
      answer("POST /api/logout", status, status === 401 ? {} : null);
      await login.logOut();
      expect(events.splice(0)).toEqual([{ type: "loggedOut" }]);
    }
    answer("POST /api/logout", null);
    await login.logOut();
    expect(events).toEqual([{ type: "complained", problem: { kind: "serverAway" } }]);
  });
});

/** A server that gives one answer to each request; null is none at all. */
function world() {
  const events: Event[] = [];
  const asked: { what: string; body: unknown }[] = [];
  const answers = new Map<string, () => Promise<Response>>();
  const answer = (what: string, status: number | null, body: unknown = null): void => {
    answers.set(what, () => {
      if (status === null) return Promise.reject(new TypeError("Failed to fetch"));
      const text = body === null ? null : typeof body === "string" ? body : JSON.stringify(body);
      return Promise.resolve(new Response(text, { status, headers: { "retry-after": "13" } }));
    });
  };
  const accounts = new Accounts((path, { method, body }) => {
    const what = `${method} ${path}`;
    asked.push({ what, body: typeof body === "string" ? (JSON.parse(body) as unknown) : null });
    return answers.get(what)?.() ?? Promise.reject(new Error(`nobody expected ${what}`));
  });
  return { login: new Login(accounts, (event) => events.push(event)), events, asked, answer };
}
