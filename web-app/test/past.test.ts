import { describe, expect, test } from "vitest";
import { translator } from "../src/i18n/index.ts";
import type { EndedCall, EndReason } from "../src/lib/call.ts";
import { describeEnd } from "../src/lib/ends.ts";
import type { PastCall } from "../src/lib/history.ts";
import { isMissed } from "../src/lib/missed.ts";
import {
  byDay,
  directionOf,
  firstPage,
  outcome,
  withEarlier,
  withLatest,
} from "../src/lib/past.ts";

const t = translator(() => "en");

const REASONS: readonly EndReason[] = [
  "hangup",
  "rejected",
  "busy",
  "noAnswer",
  "cancelled",
  "disconnected",
  "mediaFailed",
  "answeredElsewhere",
  "loggedOut",
  "incompatible",
];

describe("a call that is over", () => {
  test.each([
    [past({ talkedMs: 5_000 }), "outgoing"],
    [past({ reason: "rejected" }), "refused"],
    [past({ reason: "noAnswer" }), "notReached"],
    [past({ reason: "cancelled" }), "cancelled"],
    [past({ reason: "busy" }), "busy"],
    [past({ reason: "incompatible", talkedMs: 0 }), "failed"],
    [past({ caller: "bob", callee: "ann", reason: "incompatible", talkedMs: 0 }), "failed"],
    [past({ caller: "bob", callee: "ann", talkedMs: 0 }), "incoming"],
    [past({ caller: "bob", callee: "ann", reason: "noAnswer" }), "missed"],
    [past({ caller: "bob", callee: "ann", reason: "cancelled" }), "missed"],
    [past({ caller: "bob", callee: "ann", reason: "rejected" }), "refused"],
    [past({ caller: "bob", callee: "ann", reason: "answeredElsewhere" }), "elsewhere"],
  ] as const)("%o was %s", (call, expected) => {
    expect(outcome(call, "ann")).toBe(expected);
  });

  test("is missed in the lobby exactly when it is missed in the list", () => {
    for (const reason of REASONS) {
      const listed = outcome(past({ caller: "bob", callee: "ann", reason }), "ann");
      expect(isMissed(ended({ outgoing: false, reason })), reason).toBe(listed === "missed");
      expect(isMissed(ended({ outgoing: true, reason })), reason).toBe(false);
    }
  });

  test("is put under its day, the days as they come", () => {
    const [morning, night] = [new Date(2026, 2, 5, 9), new Date(2026, 2, 4, 23)];
    const calls = [
      past({ id: 3, began: morning.getTime() + 60_000 }),
      past({ id: 2, began: morning.getTime() }),
      past({ id: 1, began: night.getTime() }),
    ];
    expect(byDay(calls).map((day) => day.calls.map(({ id }) => id))).toEqual([[3, 2], [1]]);
    expect(byDay([])).toEqual([]);
    expect(calls.map((call) => directionOf(call, "ann"))).toEqual(Array(3).fill("outgoing"));
  });
});

describe("the pages of the history", () => {
  const calls = (from: number, to: number): PastCall[] =>
    Array.from({ length: from - to + 1 }, (_, index) => past({ id: from - index }));
  const ids = ({ calls }: { calls: readonly PastCall[] }): number[] => calls.map(({ id }) => id);

  test("have more to come while they are full", () => {
    expect(firstPage(calls(49, 1)).hasMore).toBe(false);
    const first = firstPage(calls(80, 31));
    expect(first.hasMore).toBe(true);
    const all = withEarlier(first, calls(30, 1));
    expect(ids(all)).toEqual(ids({ calls: calls(80, 1) }));
    expect(all.hasMore).toBe(false);
  });

  test("keep what was fetched when a call is added, and have no gap", () => {
    const known = withEarlier(firstPage(calls(80, 31)), calls(30, 1));
    const added = withLatest(known, calls(81, 32));
    expect(ids(added)).toEqual(ids({ calls: calls(81, 1) }));
    expect(added.hasMore).toBe(false);
    const many = withLatest(known, calls(140, 91));
    expect(ids(many)).toEqual(ids({ calls: calls(140, 91) }));
    expect(many.hasMore).toBe(true);
    expect(ids(withLatest(firstPage([]), calls(1, 1)))).toEqual([1]);
    expect(ids(withLatest(firstPage([]), []))).toEqual([]);
  });
});

describe("why a call ended", () => {
  test("is said for every reason and both directions, with the name where it counts", () => {
    for (const reason of REASONS) {
      for (const outgoing of [true, false]) {
        const { title } = describeEnd(t, ended({ outgoing, reason }), "Bob");
        expect(title, reason).toMatch(/^[A-Z].+[a-z]$/);
      }
    }
    const refused = describeEnd(t, ended({ outgoing: true, reason: "rejected" }), "Bob");
    expect(refused.title).toBe("Bob did not take the call");
    const own = describeEnd(t, ended({ outgoing: false, reason: "rejected" }), "Bob");
    expect(own.title).toBe("Call refused");
  });

  test("of a lost connection blames nobody: whose it was is not known", () => {
    const { title, advice } = describeEnd(
      t,
      ended({ outgoing: true, reason: "disconnected" }),
      "Bob",
    );
    expect(title).toBe("The connection was lost");
    expect(advice).not.toMatch(/Bob|minute/);
  });

  test("of one that never rang is what the server said", () => {
    const end = { kind: "refused", code: "somethingNew", details: "not on a Sunday" } as const;
    const words = describeEnd(t, { ...ended({ outgoing: true, reason: "hangup" }), end }, "Bob");
    expect(words).toEqual({ title: "Bob could not be called", advice: "Not on a Sunday." });
  });
});

function past(differences: Partial<PastCall>): PastCall {
  return {
    id: 1,
    caller: "ann",
    callee: "bob",
    began: 0,
    rangMs: 3_000,
    talkedMs: null,
    reason: "hangup",
    ...differences,
  };
}

function ended({ outgoing, reason }: { outgoing: boolean; reason: EndReason }): EndedCall {
  return {
    phase: "ended",
    callId: "c",
    with: "bob",
    outgoing,
    end: { kind: "ended", reason },
    seen: true,
    talked: null,
  };
}
