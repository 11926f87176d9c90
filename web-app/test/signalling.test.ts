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

  it("registers as a listener, asks for the list, and is registered when it hears itself", () => {
    const world = new World();
    world.server.say({ type: "welcome", peerId: "me" });
    expect(world.server.heard()).toEqual([listener]);
    expect(world.signalling.registered).toBe(false);
    world.server.say({ type: "peerStatusChanged", peerId: "me", roles: ["listener"], meta: null });
    expect(world.signalling.registered).toBe(true);
    expect(world.server.heard()).toEqual([{ type: "list" }]);
  });

  it("keeps the list of producers, without itself", () => {
    const world = new World().registered();
    world.server.say({
      type: "list",
      producers: [
        { id: "a", meta: { name: "door" } },
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

  it("carries a session from the request to its end", () => {
    const world = new World().registered();
    const end = world.ask("door");
    expect(world.server.heard()).toEqual([{ type: "startSession", peerId: "door" }]);
    world.server.say({ type: "sessionStarted", peerId: "door", sessionId: "s" });
    expect(end.log).toEqual(["started s"]);
    world.offer("s");
    expect(end.log.at(-1)).toBe("sdp");
    world.server.say({ type: "endSession", sessionId: "s" });
    expect(end.log.at(-1)).toBe("ended null");
    world.offer("s");
    expect(end.log.at(-1)).toBe("ended null");
    expect(world.signalling.send({ type: "endSession", sessionId: "s" })).toBe(true);
    expect(world.server.heard()).toEqual([]);
  });

  it("holds candidates that come before their description, and drops empty ones", () => {
    const world = new World().registered();
    const end = world.ask("door");
    world.server.say({ type: "sessionStarted", peerId: "door", sessionId: "s" });
    world.ice("s", "candidate:1");
    world.ice("s", "");
    world.ice("s", "candidate:2");
    expect(end.log).toEqual(["started s"]);
    world.offer("s");
    world.ice("s", "candidate:3");
    const order = ["started s", "sdp", "candidate:1", "candidate:2", "candidate:3"];
    expect(end.log).toEqual(order);
    world.server.heard();
    world.signalling.send({ type: "peer", sessionId: "s", ice: { candidate: "" } });
    expect(world.server.heard()).toEqual([]);
  });

  it("ends a session that is given up before the server has made it", () => {
    const world = new World().registered();
    const end = world.ask("door");
    world.signalling.forget(end);
    world.server.heard();
    world.server.say({ type: "sessionStarted", peerId: "door", sessionId: "s" });
    expect(world.server.heard()).toEqual([{ type: "endSession", sessionId: "s" }]);
    expect(end.log).toEqual([]);
  });

  it("gives a refusal to whoever asked first", () => {
    const world = new World().registered();
    const [first, second] = [world.ask("a"), world.ask("b")];
    world.server.say({ type: "error", details: "no such peer" });
    expect(first.log).toEqual(["refused no such peer"]);
    expect(second.log).toEqual([]);
    world.server.say({ type: "error", details: "nor this" });
    world.server.say({ type: "error", details: "stray" });
    expect(second.log).toEqual(["refused nor this"]);
    expect(world.log.at(-1)).toBe("failed stray");
  });

  it("announces a production, again after a restart, and says once that it may not", () => {
    const world = new World().registered();
    const production = { type: "setPeerStatus", roles: ["listener", "producer"] };
    world.signalling.announce({ name: "phone" });
    world.signalling.announce({ name: "phone" });
    expect(world.server.heard()).toEqual([{ ...production, meta: { name: "phone" } }]);
    world.restart();
    world.server.say({ type: "welcome", peerId: "me2" });
    expect(world.server.heard()).toEqual([{ ...production, meta: { name: "phone" } }]);
    world.server.say({ type: "error", details: "only watching is allowed" });
    expect(world.server.heard()).toEqual([listener]);
    expect(world.log.at(-1)).toBe("announceRefused only watching is allowed");
    world.server.say({ type: "peerStatusChanged", peerId: "me2", roles: ["listener"], meta: null });
    expect(world.signalling.registered).toBe(true);
  });

  it("ends no session when the server is lost, and says nothing of it to the next one", () => {
    const world = new World().registered();
    const end = world.ask("door");
    world.server.say({ type: "sessionStarted", peerId: "door", sessionId: "s" });
    world.restart().registered();
    world.signalling.send({ type: "endSession", sessionId: "s" });
    expect(world.server.heard()).toEqual([]);
    expect(end.log).toEqual(["started s"]);
  });

  it("lets a viewer in or sends it away", () => {
    const world = new World().registered();
    world.server.say({ type: "startSession", peerId: "tablet", sessionId: "s", offer: null });
    expect(world.server.heard()).toEqual([{ type: "endSession", sessionId: "s" }]);
    world.viewer = new LoggingEnd();
    world.server.say({ type: "startSession", peerId: "tablet", sessionId: "t", offer: null });
    world.ice("t", "candidate:1");
    expect(world.viewer.log).toEqual([]);
    world.server.say({ type: "peer", sessionId: "t", sdp: { type: "answer", sdp: "v=0" } });
    expect(world.viewer.log).toEqual(["sdp", "candidate:1"]);
  });

  it("finds out that a silent server is gone, and leaves one that answers alone", async () => {
    const world = new World().registered();
    await vi.advanceTimersByTimeAsync(20_000);
    expect(world.server.heard()).toEqual([{ type: "list" }]);
    world.server.say({ type: "list", producers: [] });
    await vi.advanceTimersByTimeAsync(19_000);
    expect(world.signalling.registered).toBe(true);
    await vi.advanceTimersByTimeAsync(11_100);
    expect(world.signalling.registered).toBe(false);
  });

  it("survives whatever the server says", () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const world = new World().registered();
    for (const text of ["", "null", "[]", "{}", '{"type":"newPeer"}', '{"type":"list"}', "{"]) {
      world.server.say(text);
    }
    world.status("a", ["producer"], { name: "door" });
    expect(world.names()).toEqual(["door"]);
    expect(warn).toHaveBeenCalledTimes(7);
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

  refused(details: string): void {
    this.log.push(`refused ${details}`);
  }
}

class World {
  server = new FakeSocket();
  viewer: LoggingEnd | null = null;
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
        sessionRequested: () => this.viewer,
        announceRefused: (details) => this.log.push(`announceRefused ${details}`),
        failed: (details) => this.log.push(`failed ${details}`),
      },
      {
        open: () => (this.server = new FakeSocket()).asWebSocket(),
        probe: () => Promise.resolve(null),
        random: () => 0,
      },
    );
    this.signalling.start();
    this.server.accept();
  }

  registered(): this {
    this.server.say({ type: "welcome", peerId: "me" });
    this.status("me", ["listener"], null);
    this.server.heard();
    return this;
  }

  /** The server is killed and comes back. */
  restart(): this {
    this.server.drop();
    this.signalling.retryNow();
    this.server.accept();
    return this;
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

  offer(sessionId: string): void {
    this.server.say({ type: "peer", sessionId, sdp: { type: "offer", sdp: "v=0" } });
  }

  ice(sessionId: string, candidate: string): void {
    this.server.say({ type: "peer", sessionId, ice: { candidate, sdpMLineIndex: 0 } });
  }

  names(): string[] {
    return this.#producers.map(peerName);
  }
}
