import { expect, test } from "vitest";
import { History, PAGE } from "../src/lib/history.ts";

const CALL = {
  id: 7,
  caller: "ann",
  callee: "bob",
  began: "2026-03-05T09:00:00Z",
  rangMs: 3_000,
  talkedMs: null,
  reason: "noAnswer",
};

test("the history is asked for page by page, also of what was missed alone", async () => {
  const asked: string[] = [];
  const history = new History((path) => {
    asked.push(path);
    return Promise.resolve(Response.json({ calls: [CALL] }));
  });
  const [call] = (await history.page({ missed: false, before: null })) ?? [];
  expect(call).toEqual({ ...CALL, began: Date.UTC(2026, 2, 5, 9) });
  await history.page({ missed: true, before: 7 });
  await history.missed(0);
  expect(asked).toEqual([
    `/api/calls?limit=${PAGE}`,
    `/api/calls?limit=${PAGE}&missed=true&before=7`,
    "/api/calls?missed=true&since=1970-01-01T00%3A00%3A00.000Z",
  ]);
});

test.each([
  ["an error", () => Promise.resolve(new Response(null, { status: 503 }))],
  ["no server", () => Promise.reject(new TypeError("failed to fetch"))],
  ["another server", () => Promise.resolve(Response.json({ hello: "world" }))],
])("the history is not known with %s", async (_what, fetch) => {
  expect(await new History(fetch).page({ missed: false, before: null })).toBeNull();
});
