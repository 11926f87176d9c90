// The connection to the signalling server: registration, who is on air, and the routing of
// session messages. Comes back by itself and registers again. Touches no media.
//
// Takes the place of `ComChannel` and `GstWebRTCAPI` of gstwebrtc-api. Those close every session
// and stop the local camera when the WebSocket closes; here a lost server ends no session. The
// library's sessions are used on top of it: all they need is `send`, `meta` and `webrtcConfig`.

import type { Channel } from "gstwebrtc-api/src/webrtc-session.js";
import {
  BadMessage,
  parseServerMessage,
  print,
  type Candidate,
  type ClientMessage,
  type Listed,
  type Meta,
  type PeerMessage,
  type Role,
  type ServerMessage,
} from "./messages.ts";
import { Socket, type Network, type SocketEvents, type SocketState } from "./socket.ts";

/** Our end of one session. */
export interface SessionEnd {
  /** The server made the session that was asked for. */
  started(sessionId: string): void;
  received(message: PeerMessage): void;
  /** The other end or the server ended it; nothing can be sent in it any more. */
  ended(reason: string | null): void;
  /** The server did not make it. */
  refused(details: string): void;
}

export interface SignallingEvents {
  socketChanged(state: SocketState): void;
  /** The server knows us, under this id, until the socket's state changes. */
  registered(peerId: string): void;
  producersChanged(producers: readonly Listed[]): void;
  /** Somebody wants what we produce; null refuses. */
  sessionRequested(peerId: string, sessionId: string, offer: string | null): SessionEnd | null;
  /** We may not produce; we are still registered as a listener. */
  announceRefused(details: string): void;
  /** An error that belongs to none of our requests. */
  failed(details: string): void;
}

interface Route {
  end: SessionEnd;
  /** Candidates that came before the description they belong to. */
  held: Candidate[] | null;
}

const HEARTBEAT_MS = 20_000;
const HEARTBEAT_DEADLINE_MS = 10_000;

export class Signalling implements Channel {
  /** Always given: the library's default names a public STUN server. */
  readonly webrtcConfig: RTCConfiguration = { iceServers: [], bundlePolicy: "max-bundle" };
  readonly meta = null;

  readonly #events: SignallingEvents;
  readonly #socket: Socket;
  #peerId: string | null = null;
  #registered = false;
  #production: Meta | null = null;
  #announcing = false;
  #producers = new Map<string, Listed>();
  #starting = new Map<string, SessionEnd>();
  #routes = new Map<string, Route>();
  #heartbeat: ReturnType<typeof setTimeout> | undefined;

  constructor(url: string, events: SignallingEvents, network?: Network) {
    this.#events = events;
    const socketEvents: SocketEvents = {
      stateChanged: (state) => this.#socketChanged(state),
      received: (text) => this.#received(text),
    };
    this.#socket = new Socket(url, socketEvents, network);
  }

  get registered(): boolean {
    return this.#registered;
  }

  get producers(): readonly Listed[] {
    return [...this.#producers.values()];
  }

  start(): void {
    this.#socket.start();
  }

  stop(): void {
    this.#forget();
    this.#producers.clear();
    this.#socket.stop();
  }

  retryNow(): void {
    this.#socket.retryNow();
  }

  /** Says what we produce, now and after every reconnection; null stops it. */
  announce(meta: Meta | null): void {
    // The server does not repeat what has not changed, and so would not answer.
    if (JSON.stringify(meta) === JSON.stringify(this.#production)) return;
    this.#production = meta;
    if (this.#registered) this.#sendStatus();
  }

  /** Takes the server's answer to the `startSession` that the library's session is about to send. */
  expectSession(peerId: string, end: SessionEnd): void {
    this.#starting.set(peerId, end);
  }

  /** Forgets a session, so that nothing of it arrives any more. */
  forget(end: SessionEnd): void {
    for (const [peerId, starting] of this.#starting) {
      if (starting === end) this.#starting.delete(peerId);
    }
    for (const [sessionId, route] of this.#routes) {
      if (route.end === end) this.#routes.delete(sessionId);
    }
  }

  /**
   * False while we are not registered. What belongs to a session that the server does not know
   * (any more) is dropped, and so are empty candidates, which stock ends cannot read.
   */
  send(message: object): boolean {
    if (!this.#registered) return false;
    const known = message as ClientMessage;
    if ("sessionId" in known && !this.#routes.has(known.sessionId)) return true;
    if (known.type === "peer" && "ice" in known && !known.ice.candidate) return true;
    if (known.type === "endSession") this.#routes.delete(known.sessionId);
    return this.#socket.send(print(known));
  }

  #socketChanged(state: SocketState): void {
    this.#forget();
    this.#events.socketChanged(state);
  }

  /** What holds for one connection only. */
  #forget(): void {
    clearTimeout(this.#heartbeat);
    this.#registered = false;
    this.#peerId = null;
    this.#starting.clear();
    this.#routes.clear();
  }

  #received(text: string): void {
    this.#scheduleHeartbeat();
    let message: ServerMessage;
    try {
      message = parseServerMessage(text);
    } catch (error) {
      if (!(error instanceof BadMessage)) throw error;
      console.warn("signalling: message ignored:", error.message);
      return;
    }
    this.#handle(message);
  }

  #handle(message: ServerMessage): void {
    switch (message.type) {
      case "welcome":
        this.#peerId = message.peerId;
        this.#sendStatus();
        break;
      case "peerStatusChanged":
        this.#peerChanged(message.peerId, message.roles, message.meta);
        break;
      case "list":
        this.#listed(message.producers);
        break;
      case "sessionStarted":
        this.#sessionStarted(message.peerId, message.sessionId);
        break;
      case "startSession":
        this.#sessionRequested(message.peerId, message.sessionId, message.offer);
        break;
      case "peer":
        this.#route(message);
        break;
      case "endSession":
        this.#sessionEnded(message.sessionId, message.error);
        break;
      case "error":
        this.#refused(message.details);
        break;
      case "listConsumers":
        break;
    }
  }

  #sendStatus(): void {
    const roles: Role[] = this.#production ? ["listener", "producer"] : ["listener"];
    this.#announcing = this.#production !== null;
    const status = { type: "setPeerStatus", roles, meta: this.#production } as const;
    this.#socket.send(print(status));
  }

  #peerChanged(id: string, roles: readonly Role[], meta: Meta): void {
    if (id === this.#peerId) {
      if (roles.includes("producer")) this.#announcing = false;
      if (!this.#registered) this.#becomeRegistered(id);
      return;
    }
    if (roles.includes("producer")) this.#producers.set(id, { id, meta });
    else if (!this.#producers.delete(id)) return;
    this.#events.producersChanged(this.producers);
  }

  #becomeRegistered(peerId: string): void {
    this.#registered = true;
    this.#socket.send(print({ type: "list" }));
    this.#events.registered(peerId);
  }

  #listed(producers: readonly Listed[]): void {
    const others = producers.filter((producer) => producer.id !== this.#peerId);
    this.#producers = new Map(others.map((producer) => [producer.id, producer]));
    this.#events.producersChanged(this.producers);
  }

  #sessionStarted(peerId: string, sessionId: string): void {
    const end = this.#starting.get(peerId);
    if (!end) {
      // Given up in the meantime: the other end need not set anything up.
      this.#socket.send(print({ type: "endSession", sessionId }));
      return;
    }
    this.#starting.delete(peerId);
    this.#routes.set(sessionId, { end, held: [] });
    end.started(sessionId);
  }

  #sessionRequested(peerId: string, sessionId: string, offer: string | null): void {
    // The session may send as soon as it exists, so its route comes first.
    const route: Route = { end: nobody, held: [] };
    this.#routes.set(sessionId, route);
    const end = this.#events.sessionRequested(peerId, sessionId, offer);
    if (end) {
      route.end = end;
      if (offer !== null) route.held = null;
    } else {
      this.send({ type: "endSession", sessionId });
    }
  }

  #route(message: PeerMessage): void {
    const { sessionId } = message;
    const route = this.#routes.get(sessionId);
    if (!route) return;
    if ("sdp" in message) {
      const held = route.held ?? [];
      route.held = null;
      route.end.received(message);
      for (const ice of held) route.end.received({ type: "peer", sessionId, ice });
    } else if (message.ice.candidate !== "") {
      if (route.held) route.held.push(message.ice);
      else route.end.received(message);
    }
  }

  #sessionEnded(sessionId: string, reason: string | null): void {
    const route = this.#routes.get(sessionId);
    if (!route) return;
    this.#routes.delete(sessionId);
    route.end.ended(reason);
  }

  /** An `error` does not say what it answers; the server answers in order. */
  #refused(details: string): void {
    if (this.#announcing) {
      this.#production = null;
      this.#sendStatus();
      this.#events.announceRefused(details);
      return;
    }
    const [oldest] = this.#starting;
    if (oldest) {
      this.#starting.delete(oldest[0]);
      oldest[1].refused(details);
    } else {
      this.#events.failed(details);
    }
  }

  /** A browser cannot ping: a list that is asked for in silence proves that the socket lives. */
  #scheduleHeartbeat(): void {
    clearTimeout(this.#heartbeat);
    this.#heartbeat = setTimeout(() => {
      this.#socket.send(print({ type: "list" }));
      this.#heartbeat = setTimeout(() => this.#socket.reconnect(), HEARTBEAT_DEADLINE_MS);
    }, HEARTBEAT_MS);
  }
}

const nobody: SessionEnd = { started() {}, received() {}, ended() {}, refused() {} };
