import { describe, expect, test } from "vitest";
import { translator } from "../src/i18n/index.ts";
import type { EndedCall, EndReason } from "../src/lib/call.ts";
import { describeEnd } from "../src/lib/ends.ts";
import type { PastCall } from "../src/lib/history.ts";
import { isMissed } from "../src/lib/missed.ts";
import { byDay, directionOf, outcome } from "../src/lib/past.ts";

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
    [past({ reason: "incompatible" }), "failed"],
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
