import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { peerName, type Listed, type PeerMessage } from "../src/lib/messages.ts";
import { Signalling, type SessionEnd } from "../src/lib/signalling.ts";
import { FakeSocket } from "./fake-socket.ts";

const listener = { type: "setPeerStatus", roles: ["listener"], meta: null };

describe("signalling", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("says which installation it is, registers as a listener, and asks who is there", async () => {
    const world = await new World().open();
    expect(world.heard()).toEqual([{ type: "hello", instance: "tab" }]);
    expect(world.signalling.registered).toBe(false);
    world.welcome();
    expect(world.signalling.registered).toBe(true);
    expect(world.heard()).toEqual([
      listener,
      { type: "list" },
      { type: "getIceServers" },
      { type: "listAccounts" },
    ]);
    expect(world.log.at(-1)).toBe("stands null");
  });

  it("keeps the list of producers, without itself", async () => {
    const world = await new World().registered();
    world.server.say({
      type: "list",
      producers: [
        { id: "a", meta: { name: "door" }, account: "door" },
        { id: "me", meta: null },
      ],
    });
    expect(world.names()).toEqual(["door"]);
    world.status("b", ["producer"], { name: "gate" });
    expect(world.names()).toEqual(["door", "gate"]);
    world.status("a", [], null);
    expect(world.names()).toEqual(["gate"]);
    world.status("c", ["listener"], { name: "phone" });
    expect(world.names()).toEqual(["gate"]);
  });

  it("knows who is there and who went", async () => {
    const world = await new World().registered();
    const door = { name: "door", kind: "device", status: "available", callable: true };
    world.server.say({ type: "accounts", accounts: [door], id: 4 });
    world.server.say({ type: "presence", ...door, name: "ann", kind: "user", label: "Ann" });
    world.server.say({ type: "presence", ...door, status: "busy" });
    expect(world.accounts).toEqual(["door busy", "ann available"]);
    world.server.say({ type: "accountGone", name: "door" });
    expect(world.accounts).toEqual(["ann available"]);
  });

  it("carries a session from the request to its end", async () => {
    const world = await new World().registered();
    const end = world.ask("door");
    const [asked] = world.requests();
    expect(asked).toMatchObject({ type: "startSession", peerId: "door" });
    world.started("s", asked?.id);
    expect(end.log).toEqual(["started s"]);
    world.offer("s");
    expect(end.log.at(-1)).toBe("sdp");
    world.server.say({ type: "endSessionV1_1", sessionId: "s" });
    expect(end.log.at(-1)).toBe("ended null");
    world.offer("s");
    expect(end.log.at(-1)).toBe("ended null");
    expect(world.signalling.send({ type: "endSession", sessionId: "s" })).toBe(true);
    expect(world.heard()).toEqual([]);
  });

  it("holds candidates that come before their description, and drops empty ones", async () => {
    const world = await new World().registered();
    const end = world.session("s");
    world.ice("s", "candidate:1");
    world.ice("s", "");
    world.ice("s", "candidate:2");
    expect(end.log).toEqual(["started s"]);
    world.offer("s");
    world.ice("s", "candidate:3");
    const order = ["started s", "sdp", "candidate:1", "candidate:2", "candidate:3"];
    expect(end.log).toEqual(order);
    world.heard();
    world.signalling.send({ type: "peer", sessionId: "s", ice: { candidate: "" } });
    expect(world.heard()).toEqual([]);
  });

  it("tells a session nothing but what belongs to it", async () => {
    const world = await new World().registered();
    const end = world.session("s");
    const call = { callId: "c", media: { audio: true, video: true } };
    for (const message of [
      { type: "incomingCall", from: "door", ...call },
      { type: "callEnded", callId: "c", reason: "hangup" },
      { type: "presence", name: "door", kind: "device", status: "busy", callable: true },
      { type: "iceServers", iceServers: [], ttl: null },
      { type: "done" },
    ]) {
      world.server.say(message);
    }
    expect(end.log).toEqual(["started s"]);
    expect(world.log.slice(-2)).toEqual(["called incomingCall", "called callEnded"]);
  });

  it("ends a session that is given up before the server has made it", async () => {
    const world = await new World().registered();
    const end = world.ask("door");
    const [asked] = world.requests();
    world.signalling.forget(end);
    world.started("s", asked?.id);
    expect(world.heard()).toEqual([{ type: "endSession", sessionId: "s" }]);
    expect(end.log).toEqual([]);
  });

  it("gives each refusal to whoever asked, in whatever order they come", async () => {
    const world = await new World().registered();
    const [first, second] = [world.ask("a"), world.ask("b")];
    const [a, b] = world.requests();
    world.refuse(b?.id, "forbidden", "not this");
    world.refuse(a?.id, "noSuchPeer", "nor that");
    world.server.say({ type: "error", code: "tooFast", details: "stray" });
    expect(first.log).toEqual(["refused nor that (noSuchPeer)"]);
    expect(second.log).toEqual(["refused not this (forbidden)"]);
    expect(world.log.at(-1)).toBe("failed stray");
  });

  it("announces a production, again after a new beginning, and says once that it may not", async () => {
    const world = await new World().registered();
    const production = { type: "setPeerStatus", roles: ["listener", "producer"] };
    world.signalling.announce({ name: "phone" });
    world.signalling.announce({ name: "phone" });
    expect(world.heard()).toEqual([{ ...production, meta: { name: "phone" } }]);
    await world.cut();
    world.reset();
    const [again] = world.requests();
    expect(again).toMatchObject({ ...production, meta: { name: "phone" } });
    world.refuse(again?.id, "watchOnly", "only watching is allowed");
    expect(world.heard()).toEqual([listener]);
    expect(world.log.at(-1)).toBe("announceRefused only watching is allowed");
    expect(world.signalling.registered).toBe(true);
  });

  it("goes on where the line was cut, and says what got lost again", async () => {
    const world = await new World().registered();
    const end = world.session("s");
    world.offer("s");
    world.heard();
    await world.cut();
    expect(world.heard()).toEqual([
      { type: "hello", instance: "tab", resume: { resumeToken: "t", received: 2 } },
    ]);
    world.signalling.send({ type: "peer", sessionId: "s", sdp: { type: "answer", sdp: "v=0" } });
    expect(world.heard()).toEqual([]);
    world.server.say({ type: "resumed", received: 5, resumeToken: "u" });
    expect(world.heard()).toEqual([
      { type: "peer", sessionId: "s", sdp: { type: "answer", sdp: "v=0" } },
    ]);
    world.ice("s", "candidate:1");
    expect(end.log).toEqual(["started s", "sdp", "candidate:1"]);
    expect(world.log.slice(-2)).toEqual(["registered me", "resumed"]);
  });

  it("does not close a dead socket before the next one is taken: that would end a call", async () => {
    const world = await new World().registered();
    const dead = world.server;
    await vi.advanceTimersByTimeAsync(30_100);
    expect(world.signalling.registered).toBe(false);
    world.signalling.retryNow();
    expect(world.server).not.toBe(dead);
    world.server.accept();
    await vi.advanceTimersByTimeAsync(0);
    expect(dead.readyState).toBe(dead.OPEN);
    world.server.say({ type: "resumed", received: 5, resumeToken: "u" });
    expect(dead.readyState).not.toBe(dead.OPEN);
  });

  it("ends after a reset what the snapshot lacks, and turns away what nobody has here", async () => {
    const world = await new World().registered();
    const [kept, gone] = [world.session("s"), world.session("t")];
    await world.cut();
    world.reset();
    expect(world.heard()).toEqual([listener, { type: "list" }]);
    world.snapshot(["s", "stranger"]);
    expect(kept.log).toEqual(["started s"]);
    expect(gone.log).toEqual(["started t", "ended null"]);
    expect(world.heard()).toEqual([{ type: "endSession", sessionId: "stranger" }]);
    expect(world.log.at(-1)).toBe("stands null");
  });

  it("ends nothing when the server was started anew, and says nothing of it to the new one", async () => {
    const world = await new World().registered();
    const end = world.session("s");
    await world.cut();
    world.reset(true);
    world.snapshot([]);
    world.heard();
    world.signalling.send({ type: "endSession", sessionId: "s" });
    expect(world.heard()).toEqual([]);
    expect(end.log).toEqual(["started s"]);
  });

  it("ends a session that was asked for and got lost", async () => {
    const world = await new World().registered();
    const end = world.ask("door");
    await world.cut();
    world.reset();
    expect(end.log).toEqual(["ended null"]);
  });

  it("begins anew when it comes back too late, and as another when its place is taken", async () => {
    const world = await new World().registered();
    world.session("s");
    await world.cut();
    world.server.say({ type: "error", code: "cannotResume", details: "too late" });
    world.server.accept();
    await vi.advanceTimersByTimeAsync(0);
    expect(world.heard()).toEqual([{ type: "hello", instance: "tab" }]);
    world.welcome();
    expect(world.log.at(-1)).toBe("stands null");
    world.heard();
    world.server.drop(4409);
    world.signalling.retryNow();
    world.server.accept();
    await vi.advanceTimersByTimeAsync(0);
    const [hello] = world.heard() as { instance: string; resume?: object }[];
    expect(hello?.instance).not.toBe("tab");
    expect(hello).not.toHaveProperty("resume");
  });

  it("does not come back by itself when somebody in charge closed it", async () => {
    const world = await new World().registered();
    const closed = world.server;
    closed.drop(4403);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(world.server).toBe(closed);
    expect(world.log.at(-1)).toBe("cut");
    world.signalling.retryNow();
    expect(world.server).not.toBe(closed);
  });

  it("tells the server what came in, after 16 messages or 5 s", async () => {
    const world = await new World().registered();
    world.status("a", ["producer"], { name: "door" });
    await vi.advanceTimersByTimeAsync(4_900);
    expect(world.heard()).toEqual([]);
    await vi.advanceTimersByTimeAsync(200);
    expect(world.heard()).toEqual([{ type: "ack", received: 1 }]);
    for (let count = 0; count < 16; count += 1) world.status("a", ["producer"], null);
    expect(world.heard()).toEqual([{ type: "ack", received: 17 }]);
  });

  it("logs out, closes and forgets when it stops", async () => {
    const world = await new World().registered();
    world.session("s");
    world.heard();
    const { server } = world;
    world.signalling.stop();
    expect(world.heard()).toEqual([{ type: "logout" }]);
    expect(server.readyState).not.toBe(server.OPEN);
    expect(world.signalling.peerId).toBeNull();
    world.signalling.start();
    world.server.accept();
    await vi.advanceTimersByTimeAsync(0);
    expect(world.heard()).toEqual([{ type: "hello", instance: "tab" }]);
  });

  it("uses the servers that it is told, and asks again before they are no longer good", async () => {
    const world = await new World().registered();
    const [turn] = [{ urls: ["turn:door.local"], username: "u", credential: "p" }];
    world.server.say({ type: "iceServers", iceServers: [turn], ttl: 100 });
    expect(world.signalling.webrtcConfig.iceServers).toEqual([turn]);
    world.heard();
    await vi.advanceTimersByTimeAsync(19_000);
    world.status("a", ["producer"], null);
    expect(world.heard()).not.toContainEqual({ type: "getIceServers" });
    for (let second = 0; second < 72; second += 1) {
      await vi.advanceTimersByTimeAsync(1_000);
      world.status("a", ["producer"], null);
    }
    expect(world.heard()).toContainEqual({ type: "getIceServers" });
  });

  it("lets a viewer in or sends it away", async () => {
    const world = await new World().registered();
    world.server.say({ type: "startSession", peerId: "tablet", sessionId: "s", offer: null });
    expect(world.heard()).toEqual([{ type: "endSession", sessionId: "s" }]);
    world.viewer = new LoggingEnd();
    world.server.say({ type: "startSession", peerId: "tablet", sessionId: "t", offer: null });
    world.ice("t", "candidate:1");
    expect(world.viewer.log).toEqual([]);
    world.server.say({ type: "peer", sessionId: "t", sdp: { type: "answer", sdp: "v=0" } });
    expect(world.viewer.log).toEqual(["sdp", "candidate:1"]);
  });

  it("finds out that a silent server is gone, and leaves one that answers alone", async () => {
    const world = await new World().registered();
    await vi.advanceTimersByTimeAsync(20_000);
    expect(world.heard()).toEqual([{ type: "list" }]);
    world.server.say({ type: "list", producers: [] });
    await vi.advanceTimersByTimeAsync(19_000);
    expect(world.signalling.registered).toBe(true);
    await vi.advanceTimersByTimeAsync(11_100);
    expect(world.signalling.registered).toBe(false);
  });

  it("finds out within 3 s when there is a reason to doubt", async () => {
    const world = await new World().registered();
    world.signalling.check();
    world.signalling.check();
    expect(world.heard()).toEqual([{ type: "list" }]);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(world.signalling.registered).toBe(false);
  });

  it("survives whatever the server says", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const world = await new World().registered();
    const texts = ["", "null", "[]", "{}", '{"type":"newPeer"}', '{"type":"list"}', "{"];
    const calls = ['{"type":"incomingCall"}', '{"type":"snapshot","accounts":[7]}'];
    for (const text of [...texts, ...calls]) world.server.say(text);
    world.status("a", ["producer"], { name: "door" });
    expect(world.names()).toEqual(["door"]);
    expect(warn).toHaveBeenCalledTimes(9);
    warn.mockRestore();
  });
});

class LoggingEnd implements SessionEnd {
  readonly log: string[] = [];

  started(sessionId: string): void {
    this.log.push(`started ${sessionId}`);
  }

  received(message: PeerMessage): void {
    this.log.push("sdp" in message ? "sdp" : message.ice.candidate);
  }

  ended(reason: string | null): void {
    this.log.push(`ended ${reason}`);
  }

  refused(details: string, code: string | null): void {
    this.log.push(`refused ${details} (${code})`);
  }
}

class World {
  server = new FakeSocket();
  viewer: LoggingEnd | null = null;
  accounts: readonly string[] | null = null;
  readonly log: string[] = [];
  readonly signalling: Signalling;
  #producers: readonly Listed[] = [];

  constructor() {
    this.signalling = new Signalling(
      "wss://door.local/ws",
      {
        socketChanged: ({ phase }) => this.log.push(phase),
        registered: (peerId) => this.log.push(`registered ${peerId}`),
        producersChanged: (producers) => (this.#producers = producers),
        accountsChanged: (accounts) => {
          this.accounts = accounts?.map(({ name, status }) => `${name} ${status}`) ?? null;
        },
        sessionRequested: () => this.viewer,
        announceRefused: (details) => this.log.push(`announceRefused ${details}`),
        resumed: () => this.log.push("resumed"),
        called: ({ type }) => this.log.push(`called ${type}`),
        callStands: (call) => this.log.push(`stands ${call?.callId ?? null}`),
        failed: (details) => this.log.push(`failed ${details}`),
      },
      {
        open: () => (this.server = new FakeSocket()).asWebSocket(),
        probe: () => Promise.resolve(null),
        random: () => 0,
      },
      Promise.resolve("tab"),
    );
  }

  async open(): Promise<this> {
    this.signalling.start();
    this.server.accept();
    await vi.advanceTimersByTimeAsync(0);
    return this;
  }

  welcome(): void {
    this.server.say({
      type: "welcome",
      peerId: "me",
      account: "ann",
      role: "user",
      resumeToken: "t",
      iceServers: [],
    });
  }

  async registered(): Promise<this> {
    await this.open();
    this.welcome();
    this.server.sent.splice(0);
    return this;
  }

  /** The line is cut, and there is another one. */
  async cut(): Promise<void> {
    this.server.drop();
    this.signalling.retryNow();
    this.server.accept();
    await vi.advanceTimersByTimeAsync(0);
  }

  reset(restarted = false): void {
    this.server.sent.splice(0);
    this.server.say({ type: "resumed", received: 0, resumeToken: "u", reset: true, restarted });
  }

  snapshot(sessions: string[]): void {
    this.server.say({ type: "snapshot", accounts: [], call: null, sessions });
  }

  status(peerId: string, roles: string[], meta: object | null): void {
    this.server.say({ type: "peerStatusChanged", peerId, roles, meta });
  }

  ask(peerId: string): LoggingEnd {
    const end = new LoggingEnd();
    this.signalling.expectSession(peerId, end);
    this.signalling.send({ type: "startSession", peerId });
    return end;
  }

  started(sessionId: string, id: unknown): void {
    this.server.say({ type: "sessionStarted", peerId: "door", sessionId, id });
  }

  /** A session that was asked for and made. */
  session(sessionId: string): LoggingEnd {
    const end = this.ask("door");
    this.started(sessionId, this.requests().at(-1)?.id);
    return end;
  }

  refuse(id: unknown, code: string, details: string): void {
    this.server.say({ type: "error", code, details, id });
  }

  offer(sessionId: string): void {
    this.server.say({ type: "peer", sessionId, sdp: { type: "offer", sdp: "v=0" } });
  }

  ice(sessionId: string, candidate: string): void {
    this.server.say({ type: "peer", sessionId, ice: { candidate, sdpMLineIndex: 0 } });
  }

  names(): string[] {
    return this.#producers.map(peerName);
  }

  /** What was sent since the last look. */
  requests(): { type: string; id?: number }[] {
    return this.server.heard() as { type: string; id?: number }[];
  }

  /** The same without numbers. */
  heard(): object[] {
    return this.requests().map(({ id: _, ...message }) => message);
  }
}
