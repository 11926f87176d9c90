import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Socket, type Refusal, type SocketState } from "../src/lib/socket.ts";
import { FakeSocket } from "./fake-socket.ts";

describe("the socket", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("passes text both ways while it is open, and nothing before", () => {
    const { socket, opened, received } = world();
    socket.start();
    expect(socket.send("early")).toBe(false);
    opened().accept();
    expect(socket.send("hello")).toBe(true);
    opened().say("welcome");
    expect(opened().sent).toEqual(["hello"]);
    expect(received).toEqual(["welcome"]);
  });

  it("comes back after a loss, later each time, but never later than 4 s", async () => {
    const { socket, opened, states, count } = world();
    socket.start();
    opened().accept();
    opened().drop();
    const waits: number[] = [];
    for (let round = 0; round < 12; round += 1) {
      await vi.advanceTimersByTimeAsync(0);
      const state = states.at(-1);
      if (state?.phase !== "waiting") throw new Error(`not waiting: ${state?.phase}`);
      waits.push(state.retryAt - Date.now());
      const before = count();
      await vi.advanceTimersByTimeAsync(state.retryAt - Date.now());
      expect(count()).toBe(before + 1);
      opened().drop();
    }
    expect(waits[0]).toBeLessThanOrEqual(250);
    expect([...waits].sort((a, b) => a - b)).toEqual(waits);
    expect(waits.at(-1)).toBe(4_000);
  });

  it("is back within 5 s of a server that was away for 3 s", async () => {
    const { socket, opened, states } = world();
    socket.start();
    opened().accept();
    opened().say("welcome");
    const lost = Date.now();
    opened().drop();
    while (Date.now() - lost < 3_000) {
      await vi.advanceTimersByTimeAsync(50);
      if (states.at(-1)?.phase === "connecting") opened().drop();
    }
    while (states.at(-1)?.phase !== "connecting") await vi.advanceTimersByTimeAsync(50);
    expect(Date.now() - lost).toBeLessThan(8_000);
    expect(Date.now() - lost - 3_000).toBeLessThan(4_000);
  });

  it("says why it is not let in, and asks again more slowly", async () => {
    const { socket, opened, states, count } = world({ status: 401, details: "start with" });
    socket.start();
    opened().drop();
    await vi.advanceTimersByTimeAsync(0);
    expect(states.at(-1)).toMatchObject({
      phase: "refused",
      refusal: { status: 401, details: "start with" },
    });
    await vi.advanceTimersByTimeAsync(14_000);
    expect(count()).toBe(1);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(count()).toBe(2);
  });

  it("asks at once why, when the login is no longer good", async () => {
    const { socket, opened, states } = world({ status: 401, details: "revoked" });
    socket.start();
    opened().accept();
    opened().drop(4401);
    await vi.advanceTimersByTimeAsync(0);
    expect(states.at(-1)).toMatchObject({ phase: "refused", refusal: { status: 401 } });
  });

  it("asks nobody after any other loss", async () => {
    const { socket, opened, states } = world({ status: 401, details: "revoked" });
    socket.start();
    opened().accept();
    opened().drop();
    await vi.advanceTimersByTimeAsync(0);
    expect(states.at(-1)?.phase).toBe("waiting");
  });

  it("blames what is in between only after several failures in a row", async () => {
    const { socket, opened, states } = world({ status: 400, details: "" });
    socket.start();
    const phases: (string | undefined)[] = [];
    for (let round = 0; round < 4; round += 1) {
      opened().drop();
      await vi.advanceTimersByTimeAsync(0);
      phases.push(states.at(-1)?.phase);
      socket.retryNow();
    }
    expect(phases).toEqual(["waiting", "waiting", "waiting", "refused"]);
  });

  it("tries at once when asked to, and only once", () => {
    const { socket, opened, count } = world();
    socket.start();
    opened().accept();
    opened().drop();
    socket.retryNow();
    socket.retryNow();
    expect(count()).toBe(2);
  });

  it("gives up a connection that is never made", async () => {
    const { socket, states } = world();
    socket.start();
    await vi.advanceTimersByTimeAsync(8_000);
    expect(states.at(-1)?.phase).toBe("waiting");
  });

  it("stays away once it is stopped", async () => {
    const { socket, opened, count } = world();
    socket.start();
    opened().accept();
    socket.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(count()).toBe(1);
  });
});

function world(refusal: Refusal | null = null) {
  const sockets: FakeSocket[] = [];
  const states: SocketState[] = [];
  const received: string[] = [];
  const socket = new Socket(
    "wss://door.local/ws",
    {
      stateChanged: (state) => states.push(state),
      received: (text) => received.push(text),
      closed: () => undefined,
    },
    {
      open: () => {
        const fake = new FakeSocket();
        sockets.push(fake);
        return fake.asWebSocket();
      },
      probe: () => Promise.resolve(refusal),
      random: () => 1,
    },
  );
  const opened = (): FakeSocket => {
    const last = sockets.at(-1);
    if (!last) throw new Error("nothing was opened");
    return last;
  };
  return { socket, states, received, opened, count: () => sockets.length };
}
