import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Incoming, type Remote } from "../src/lib/incoming.ts";
import type { ReceptionEvents } from "../src/lib/reception.ts";
import type { MediaStats } from "../src/lib/stats.ts";

const THERE: Remote = { peers: ["door"], away: false, sends: true };

describe("the other side of a call", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("is unstable after 2 s of silence, asked for anew once after 5 s, and dead after 20 s", async () => {
    const world = new World();
    await world.plays(3_000);
    expect(world.log).toEqual(["asks door", "live"]);
    await world.silence(2_400);
    expect(world.log.slice(2)).toEqual(["checks", "unstable mediaStopped"]);
    await world.silence(3_000);
    expect(world.log.slice(4)).toEqual(["closes", "asks door"]);
    await world.silence(14_000);
    expect(world.log).toHaveLength(6);
    await world.silence(2_000);
    expect(world.log.slice(6)).toEqual(["dead", "closes"]);
  });

  it("may fall silent again and again", async () => {
    const world = new World();
    for (let time = 0; time < 4; time += 1) {
      await world.plays(2_000);
      await world.silence(12_000);
    }
    expect(world.log.filter((line) => line === "asks door")).toHaveLength(5);
    expect(world.log).not.toContain("dead");
  });

  it("is waited for while it is away, and while our own line is", async () => {
    for (const absence of ["theirs", "ours"] as const) {
      const world = new World();
      await world.plays(1_000);
      world.absent(absence, true);
      await world.silence(120_000);
      expect(world.log).not.toContain("dead");
      expect(world.log.filter((line) => line.startsWith("asks"))).toHaveLength(1);
      world.absent(absence, false);
      await world.silence(22_000);
      expect(world.log).toContain("dead");
    }
  });

  it("is waited for longer while it answers nothing: it may have lost its network", async () => {
    const world = new World();
    await world.plays(1_000);
    world.isAnswering = false;
    await world.silence(55_000);
    expect(world.log).not.toContain("dead");
    await world.silence(10_000);
    expect(world.log).toContain("dead");
  });

  it("gets the time that it needs when it answers late", async () => {
    const world = new World();
    await world.plays(1_000);
    world.isAnswering = false;
    await world.silence(30_000);
    world.isAnswering = true;
    await world.silence(5_000);
    await world.plays(1_000);
    expect(world.log.at(-1)).toBe("live");
    expect(world.log).not.toContain("dead");
  });

  it("that fails is asked again, until it is gone or the call is over", async () => {
    const world = new World();
    world.fails();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(world.log).toEqual(["asks door", "asks door"]);
    world.fails();
    world.incoming.follow({ ...THERE, peers: [] });
    await vi.advanceTimersByTimeAsync(5_000);
    expect(world.log).toHaveLength(2);
    world.incoming.follow({ ...THERE, peers: ["other"] });
    expect(world.log.at(-1)).toBe("asks other");
    world.incoming.stop();
    expect(world.log.at(-1)).toBe("closes");
    await vi.advanceTimersByTimeAsync(120_000);
    expect(world.log.at(-1)).toBe("closes");
  });

  it("that sends nothing is never missed", async () => {
    const world = new World({ ...THERE, peers: [], sends: false });
    await world.silence(300_000);
    expect(world.log).toEqual([]);
  });
});

class World {
  readonly log: string[] = [];
  readonly incoming: Incoming;
  readonly #line = { registered: true, check: () => void this.log.push("checks") };
  /** The other side says something to a request. */
  isAnswering = true;
  #remote: Remote;
  #events: ReceptionEvents | null = null;
  /** How it was judged last. */
  #words = "";
  /** Since when nothing came. */
  #last = performance.now();

  constructor(remote = THERE) {
    this.#remote = remote;
    this.incoming = new Incoming(
      this.#line,
      {
        streamChanged: () => undefined,
        measured: () => undefined,
        judged: (live, unstable, problem) => {
          const words = unstable ? `unstable ${problem?.kind}` : live ? "live" : "waits";
          if (this.#words !== words) this.log.push(words);
          this.#words = words;
        },
        dead: () => {
          this.log.push("dead");
          this.incoming.stop();
        },
      },
      (from, events) => {
        this.#events = events;
        const isAnswering = (): boolean => this.isAnswering;
        return {
          start: () => void this.log.push(`asks ${from}`),
          close: () => void this.log.push("closes"),
          get isAnswered() {
            return isAnswering();
          },
        };
      },
    );
    this.incoming.follow(remote);
  }

  /** Packets come for so long. */
  async plays(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 200) {
      this.#last = performance.now();
      this.#measure();
      await vi.advanceTimersByTimeAsync(200);
    }
  }

  /** Nothing comes for so long; the connection is looked at all the same. */
  async silence(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 1_000) {
      await vi.advanceTimersByTimeAsync(Math.min(1_000, ms - passed));
    }
  }

  fails(): void {
    this.#events?.failed({ kind: "iceFailed" });
  }

  absent(whose: "theirs" | "ours", isAbsent: boolean): void {
    if (whose === "ours") {
      this.#line.registered = !isAbsent;
      if (!isAbsent) this.incoming.signallingBack();
    } else {
      this.#remote = { ...this.#remote, away: isAbsent };
      this.incoming.follow(this.#remote);
    }
  }

  #measure(): void {
    this.#events?.measured({} as MediaStats, performance.now() - this.#last);
  }
}
