import { describe, expect, it } from "vitest";
import { ACK_EVERY, Ledger } from "../src/lib/ledger.ts";

const NEVER = Number.MAX_SAFE_INTEGER;

describe("the ledger", () => {
  it("says again what the server lacks", () => {
    const ledger = sent(5);
    ledger.acknowledged(2);
    expect(ledger.resumed("u", 3)).toBe(true);
    expect(ledger.kept).toEqual(["3", "4"]);
    ledger.keep("5");
    expect(ledger.resumed("v", 5)).toBe(true);
    expect(ledger.kept).toEqual(["5"]);
    expect(ledger.resume).toEqual({ resumeToken: "v", received: 0 });
  });

  it("says again only what is still meant, and counts only what was said", () => {
    const ledger = sent(2);
    ledger.keep("2", () => false);
    ledger.keep("3");
    expect(ledger.resumed("u", 1)).toBe(true);
    expect(ledger.kept).toEqual(["1", "3"]);
    expect(ledger.resumed("v", 4)).toBe(false);
    expect(ledger.resumed("v", 3)).toBe(true);
    expect(ledger.kept).toEqual([]);
  });

  it.each([
    [3, 0, 3, true],
    [3, 0, 4, false],
    [3, 2, 1, false],
    [300, 0, 43, false],
    [300, 0, 44, true],
  ])("of %i sent and %i acknowledged finds %i received possible: %s", (count, known, got, can) => {
    const ledger = sent(count);
    ledger.acknowledged(known);
    expect(ledger.resumed("u", got)).toBe(can);
  });

  it("asks for a new beginning when it has lost something itself", () => {
    const ledger = sent(257);
    expect(ledger.resume.received).toBe(NEVER);
    ledger.acknowledged(1);
    expect(ledger.resume.received).toBe(0);
    ledger.keep("x".repeat(256 * 1024));
    expect(ledger.resume.received).toBe(NEVER);
  });

  it("tells after so many messages, and owes until then", () => {
    const ledger = sent(0);
    expect(ledger.owes).toBe(false);
    const acks: number[] = [];
    for (let message = 1; message <= 2 * ACK_EVERY; message += 1) {
      if (ledger.count()) acks.push(ledger.tell());
    }
    expect(acks).toEqual([16, 32]);
    ledger.count();
    expect(ledger.owes).toBe(true);
  });
});

function sent(count: number): Ledger {
  const ledger = new Ledger("t");
  for (let number = 0; number < count; number += 1) ledger.keep(String(number));
  return ledger;
}
