// What is said to the signalling server and heard from it: registration, who is there and on air,
// requests and their answers, and the routing of session messages. Touches no media.
//
// Takes the place of `ComChannel` and `GstWebRTCAPI` of gstwebrtc-api. Those close every session
// and stop the local camera when the WebSocket closes; here a lost server ends no session. The
// library's sessions are used on top of it: all they need is `send`, `meta` and `webrtcConfig`.
// They hear what belongs to sessions, and nothing of the extension.

import type { Channel } from "gstwebrtc-api/src/webrtc-session.js";
import type { CallNotice, CallView } from "./extension.ts";
import { instance } from "./instance.ts";
import { Link, type LinkedMessage, type Welcome } from "./link.ts";
import {
  print,
  type Candidate,
  type ClientMessage,
  type Listed,
  type Meta,
  type PeerMessage,
  type Request,
  type Role,
} from "./messages.ts";
import type { AccountInfo } from "./roster.ts";
import type { Network, SocketState } from "./socket.ts";

/** Our end of one session. */
export interface SessionEnd {
  /** The server made the session that was asked for. */
  started(sessionId: string): void;
  received(message: PeerMessage): void;
  /** The other end or the server ended it; nothing can be sent in it any more. */
  ended(reason: string | null): void;
  /** The server did not make it. */
  refused(details: string, code: string | null): void;
}

/** What becomes of a request. One of them is called, once; `isMeant` before that, or never. */
export interface Answer {
  readonly done?: (message: LinkedMessage) => void;
  readonly refused?: (code: string, details: string) => void;
  /** The connection did not last; perhaps it was heard, perhaps not. */
  readonly lost?: () => void;
  /** The line is back, and the server did not hear it: is it to be said again? */
  readonly isMeant?: () => boolean;
  /** It was not meant any more, and the server will never hear it. */
  readonly unsaid?: () => void;
}

export interface SignallingEvents {
  socketChanged(state: SocketState): void;
  /** The server knows us, under this id, until the socket's state changes. */
  registered(peerId: string): void;
  producersChanged(producers: readonly Listed[]): void;
  /** Null for a guest, who does not get to know. */
  accountsChanged(accounts: readonly AccountInfo[] | null): void;
  /** Somebody wants what we produce, perhaps in a call; null refuses. */
  sessionRequested(
    peerId: string,
    sessionId: string,
    offer: string | null,
    callId: string | null,
  ): SessionEnd | null;
  /** We may not produce; we are still registered as a listener. */
  announceRefused(details: string): void;
  called(notice: CallNotice): void;
  /** The connection goes on where it broke; nothing was lost. */
  resumed(): void;
  /** After a new beginning: the call that the account is in, if any. */
  callStands(call: CallView | null): void;
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
/** When there is a reason to doubt. */
const CHECK_DEADLINE_MS = 3_000;
/** STUN and TURN servers are asked for again before this share of their time has passed. */
const RENEWAL = 0.9;

export class Signalling implements Channel {
  readonly meta = null;

  readonly #events: SignallingEvents;
  readonly #link: Link;
  #peerId: string | null = null;
  #isGuest = true;
  #production: Meta | null = null;
  #iceServers: readonly RTCIceServer[] = [];
  #producers = new Map<string, Listed>();
  #accounts = new Map<string, AccountInfo>();
  /** Sessions that are about to be asked for, by the other end's id… */
  #starting = new Map<string, SessionEnd>();
  /** …and those that were asked for. */
  #asking = new Set<SessionEnd>();
  #routes = new Map<string, Route>();
  #answers = new Map<number, Answer>();
  #lastRequest = 0;
  /** The server was started anew, and has forgotten sessions without a call. */
  #restarted = false;
  #isChecking = false;
  #heartbeat: ReturnType<typeof setTimeout> | undefined;
  #renewal: ReturnType<typeof setTimeout> | undefined;

  constructor(
    url: string,
    events: SignallingEvents,
    network?: Network,
    name: Promise<string> = instance(),
  ) {
    this.#events = events;
    const linkEvents = {
      stateChanged: (state: SocketState) => this.#socketChanged(state),
      welcomed: (welcome: Welcome) => this.#welcomed(welcome),
      resumed: () => {
        this.#registered();
        this.#events.resumed();
      },
      reset: (restarted: boolean) => this.#reset(restarted),
      received: (message: LinkedMessage, id: number | null) => this.#received(message, id),
    };
    this.#link = new Link(url, linkEvents, name, network);
  }

  /** Always given: the library's default names a public STUN server. */
  get webrtcConfig(): RTCConfiguration {
    return { iceServers: [...this.#iceServers], bundlePolicy: "max-bundle" };
  }

  get registered(): boolean {
    return this.#link.isUp;
  }

  /** Our id; null until the server told it for the first time. */
  get peerId(): string | null {
    return this.#peerId;
  }

  get producers(): readonly Listed[] {
    return [...this.#producers.values()];
  }

  start(): void {
    this.#link.start();
  }

  /** Leaves; the server ends at once what is ours. */
  stop(): void {
    this.#link.stop();
    this.#quiet();
    this.#forget();
  }

  retryNow(): void {
    this.#link.retryNow();
  }

  /** Says what we produce, now and after every new beginning; null stops it. */
  announce(meta: Meta | null): void {
    if (JSON.stringify(meta) === JSON.stringify(this.#production)) return;
    this.#production = meta;
    if (this.#peerId !== null) this.#sendStatus();
  }

  /** Says something, and hears what becomes of it. */
  request(message: Request, answer: Answer = {}): void {
    const id = (this.#lastRequest += 1);
    this.#answers.set(id, answer);
    const isMeant = (): boolean => {
      if (answer.isMeant?.() ?? true) return true;
      this.#answers.delete(id);
      answer.unsaid?.();
      return false;
    };
    if (this.#link.say(print(message, id), isMeant)) return;
    this.#answers.delete(id);
    answer.lost?.();
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
    this.#asking.delete(end);
    for (const [sessionId, route] of this.#routes) {
      if (route.end === end) this.#routes.delete(sessionId);
    }
  }

  /**
   * False while the server has never known us. What belongs to a session that the server does not
   * know (any more) is dropped, and so are empty candidates, which stock ends cannot read.
   */
  send(message: object): boolean {
    const known = message as ClientMessage;
    if (known.type === "startSession") return this.#startSession(known);
    if ("sessionId" in known && !this.#routes.has(known.sessionId)) return true;
    if (known.type === "peer" && "ice" in known && !known.ice.candidate) return true;
    if (known.type === "endSession") this.#routes.delete(known.sessionId);
    return this.#link.say(print(known));
  }

  /** Finds out soon whether the socket lives. */
  check(): void {
    if (this.registered && !this.#isChecking) this.#beat(CHECK_DEADLINE_MS);
  }

  /** The library asks; what it hears depends on whether its session is still wanted then. */
  #startSession(message: Extract<ClientMessage, { type: "startSession" }>): boolean {
    const end = this.#starting.get(message.peerId);
    if (!end || !this.registered) return false;
    this.#starting.delete(message.peerId);
    this.#asking.add(end);
    this.request(message, {
      done: (started) => {
        if (started.type === "sessionStarted") this.#sessionStarted(end, started.sessionId);
      },
      refused: (code, details) => {
        if (this.#asking.delete(end)) end.refused(details, code);
      },
      lost: () => {
        if (this.#asking.delete(end)) end.ended(null);
      },
    });
    return true;
  }

  #socketChanged(state: SocketState): void {
    this.#quiet();
    this.#events.socketChanged(state);
  }

  /** A new connection: the server knows of no session and no call of ours. */
  #welcomed({ peerId, account, iceServers }: Welcome): void {
    this.#peerId = peerId;
    this.#isGuest = account === null;
    this.#iceServers = iceServers;
    this.#routes.clear();
    this.#loseAnswers();
    this.#sendStatus();
    this.#registered();
    this.request({ type: "list" });
    this.request({ type: "getIceServers" });
    if (this.#isGuest) this.#events.accountsChanged(null);
    else this.request({ type: "listAccounts" });
    this.#events.callStands(null);
  }

  /** Both sides count anew; the snapshot says what is left. */
  #reset(restarted: boolean): void {
    this.#restarted ||= restarted;
    this.#loseAnswers();
    this.#sendStatus();
    this.#registered();
    this.request({ type: "list" });
  }

  #registered(): void {
    this.#scheduleHeartbeat();
    if (this.#peerId !== null) this.#events.registered(this.#peerId);
  }

  #received(message: LinkedMessage, id: number | null): void {
    this.#scheduleHeartbeat();
    const answer = id === null ? undefined : this.#answers.get(id);
    if (id !== null) this.#answers.delete(id);
    if (message.type === "error") {
      if (answer) answer.refused?.(message.code ?? "", message.details);
      else this.#events.failed(message.details);
      return;
    }
    this.#handle(message);
    answer?.done?.(message);
  }

  #handle(message: Exclude<LinkedMessage, { type: "error" }>): void {
    switch (message.type) {
      case "peerStatusChanged": {
        const { peerId: id, roles, meta, account } = message;
        this.#peerChanged(roles, { id, meta, ...(account !== undefined && { account }) });
        break;
      }
      case "list":
        this.#listed(message.producers);
        break;
      case "startSession":
        this.#sessionRequested(message.peerId, message.sessionId, message.offer, message.callId);
        break;
      case "peer":
        this.#route(message);
        break;
      case "endSession":
        this.#sessionEnded(message.sessionId, message.error);
        break;
      case "accounts":
        this.#know(message.accounts);
        break;
      case "presence":
        this.#know([...this.#accounts.values(), message]);
        break;
      case "accountGone":
        this.#know([...this.#accounts.values()].filter(({ name }) => name !== message.name));
        break;
      case "iceServers":
        this.#iceServers = message.iceServers;
        this.#renewAfter(message.ttl);
        break;
      case "snapshot":
        this.#know(message.accounts);
        this.#sessionsStand(message.sessions);
        this.#events.callStands(message.call);
        break;
      case "sessionStarted":
      case "listConsumers":
      case "done":
      case "room":
      case "roomPeerJoined":
      case "roomPeerLeft":
      case "roomMessage":
        break;
      default:
        this.#events.called(message);
    }
  }

  #sendStatus(): void {
    const production = this.#production;
    const roles: Role[] = production ? ["listener", "producer"] : ["listener"];
    const refused = (_code: string, details: string): void => {
      if (production === null || this.#production !== production) return;
      this.#production = null;
      this.#sendStatus();
      this.#events.announceRefused(details);
    };
    this.request({ type: "setPeerStatus", roles, meta: production }, { refused });
  }

  #peerChanged(roles: readonly Role[], peer: Listed): void {
    if (peer.id === this.#peerId) return;
    if (roles.includes("producer")) this.#producers.set(peer.id, peer);
    else if (!this.#producers.delete(peer.id)) return;
    this.#events.producersChanged(this.producers);
  }

  #listed(producers: readonly Listed[]): void {
    const others = producers.filter((producer) => producer.id !== this.#peerId);
    this.#producers = new Map(others.map((producer) => [producer.id, producer]));
    this.#events.producersChanged(this.producers);
  }

  #know(accounts: readonly AccountInfo[]): void {
    this.#accounts = new Map(
      accounts.map(({ name, kind, label, status, callable }) => [
        name,
        { name, kind, label, status, callable },
      ]),
    );
    this.#events.accountsChanged([...this.#accounts.values()]);
  }

  #sessionStarted(end: SessionEnd, sessionId: string): void {
    if (!this.#asking.delete(end)) {
      // Given up in the meantime: the other end need not set anything up.
      this.#link.say(print({ type: "endSession", sessionId }));
      return;
    }
    this.#routes.set(sessionId, { end, held: [] });
    end.started(sessionId);
  }

  #sessionRequested(
    peerId: string,
    sessionId: string,
    offer: string | null,
    callId: string | null,
  ): void {
    // The session may send as soon as it exists, so its route comes first.
    const route: Route = { end: nobody, held: [] };
    this.#routes.set(sessionId, route);
    const end = this.#events.sessionRequested(peerId, sessionId, offer, callId);
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

  /**
   * What the server lacks has ended, unless it was started anew: then it has only forgotten it.
   * What we lack is nobody's here.
   */
  #sessionsStand(there: readonly string[]): void {
    const lacking = [...this.#routes].filter(([sessionId]) => !there.includes(sessionId));
    for (const [sessionId, { end }] of lacking) {
      this.#routes.delete(sessionId);
      if (!this.#restarted) end.ended(null);
    }
    for (const sessionId of there) {
      if (!this.#routes.has(sessionId)) this.#link.say(print({ type: "endSession", sessionId }));
    }
    this.#restarted = false;
  }

  #loseAnswers(): void {
    const answers = [...this.#answers.values()];
    this.#answers.clear();
    for (const answer of answers) answer.lost?.();
  }

  #renewAfter(ttl: number | null): void {
    clearTimeout(this.#renewal);
    if (ttl === null) return;
    const wait = Math.max(1, ttl * RENEWAL) * 1000;
    this.#renewal = setTimeout(() => this.request({ type: "getIceServers" }), wait);
  }

  /** What holds for one login only. */
  #forget(): void {
    clearTimeout(this.#renewal);
    this.#peerId = null;
    this.#production = null;
    this.#iceServers = [];
    this.#producers.clear();
    this.#accounts.clear();
    this.#starting.clear();
    this.#asking.clear();
    this.#routes.clear();
    this.#answers.clear();
    this.#restarted = false;
  }

  #quiet(): void {
    clearTimeout(this.#heartbeat);
    this.#isChecking = false;
  }

  /** A browser cannot ping: a list that is asked for in silence proves that the socket lives. */
  #scheduleHeartbeat(): void {
    this.#quiet();
    this.#heartbeat = setTimeout(() => this.#beat(HEARTBEAT_DEADLINE_MS), HEARTBEAT_MS);
  }

  #beat(deadline: number): void {
    clearTimeout(this.#heartbeat);
    this.#isChecking = true;
    this.request({ type: "list" });
    this.#heartbeat = setTimeout(() => this.#link.reconnect(), deadline);
  }
}

const nobody: SessionEnd = { started() {}, received() {}, ended() {}, refused() {} };
