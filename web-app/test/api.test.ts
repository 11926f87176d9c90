import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import openapiTS, { astToString, COMMENT_HEADER } from "openapi-typescript";
import { describe, expect, it } from "vitest";
import { ask, client } from "../src/lib/api.ts";

const BASE = "https://door.local:8443";

describe("the types of the API", () => {
  it("are what the server's description says; else run `npm run api`", async () => {
    const described = new URL("../../docs/ref/openapi.json", import.meta.url);
    const written = new URL("../src/lib/api-schema.d.ts", import.meta.url);
    const made = COMMENT_HEADER + astToString(await openapiTS(described));
    expect(readFileSync(fileURLToPath(written), "utf8")).toBe(made);
  });
});

describe("a request", () => {
  it("has its method, its path with what belongs there, and its body", async () => {
    const { api, asked } = server(204);
    const params = { path: { name: "ann.b" } };
    await ask(api.PATCH("/api/accounts/{name}", { params, body: { label: "Ann" } }));
    const query = { account: "ann", before: 7 };
    await ask(api.GET("/api/audit", { params: { query } }));
    const [change, audit] = asked;
    expect(change?.method).toBe("PATCH");
    expect(change?.url).toBe(`${BASE}/api/accounts/ann.b`);
    expect(change?.headers.get("content-type")).toBe("application/json");
    expect(await change?.json()).toEqual({ label: "Ann" });
    expect(audit?.url).toBe(`${BASE}/api/audit?account=ann&before=7`);
  });

  it("comes to its answer", async () => {
    const { api } = server(200, { accounts: [] });
    expect(await ask(api.GET("/api/accounts"))).toEqual({ ok: true, value: { accounts: [] } });
  });

  it.each([
    {
      status: 409,
      body: { code: "lastAdmin", details: "ann is the only admin" },
      problem: { kind: "requestRefused", code: "lastAdmin", details: "ann is the only admin" },
    },
    { status: 401, body: { code: "notLoggedIn", details: "" }, problem: { kind: "sessionEnded" } },
    {
      status: 429,
      body: { code: "tooManyFailures", details: "" },
      problem: { kind: "loginTooSoon", seconds: 13 },
    },
    { status: 502, body: "<html>", problem: { kind: "requestRefused", details: "" } },
    { status: null, body: null, problem: { kind: "serverAway" } },
  ])("that fails says why, with $status", async ({ status, body, problem }) => {
    const { api } = server(status, body);
    const answer = await ask(api.GET("/api/accounts"));
    expect(answer).toMatchObject({ ok: false, problem });
  });
});

/** A server with one answer to everything; null is none at all. */
function server(status: number | null, body: unknown = null) {
  const asked: Request[] = [];
  const api = client((request) => {
    asked.push(request);
    if (status === null) return Promise.reject(new TypeError("Failed to fetch"));
    const text = body === null ? null : typeof body === "string" ? body : JSON.stringify(body);
    return Promise.resolve(new Response(text, { status, headers: { "retry-after": "13" } }));
  }, BASE);
  return { api, asked };
}
