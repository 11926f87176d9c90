// One watched producer: sessions with it, one after the other, until it is stopped.
// Notices when media stops and gets it back by itself; a lost signalling server is no reason to
// stop. Touches no DOM.
//
// The session is gstwebrtc-api's own (negotiation, the control channel to the device); what it
// leaves open is here: a deadline, failing ICE, media that stops, and starting anew.

import ConsumerSession from "gstwebrtc-api/src/consumer-session.js";
import { rejects } from "./codecs.ts";
import { peerName, type Listed, type PeerMessage } from "./messages.ts";
import type { Problem } from "./problem.ts";
import type { SessionEnd, Signalling } from "./signalling.ts";
import { summarise, type MediaStats } from "./stats.ts";

export interface Target {
  readonly peerId: string;
  readonly name: string;
}

export type WatchStatus =
  | { readonly phase: "connecting" }
  | { readonly phase: "live"; readonly unstable: boolean; readonly stats: MediaStats }
  /** Comes back by itself. */
  | { readonly phase: "interrupted"; readonly problem: Problem }
  /** Given up; somebody has to ask again. */
  | { readonly phase: "failed"; readonly problem: Problem };

export interface WatchEvents {
  changed(target: Target, status: WatchStatus): void;
  streamChanged(stream: MediaStream | null): void;
}

const NEGOTIATION_DEADLINE_MS = 12_000;
const FAST_POLL_MS = 200;
const POLL_MS = 1_000;
const UNSTABLE_AFTER_MS = 2_000;
const REPLACE_AFTER_MS = 5_000;
const MAX_ATTEMPTS = 4;
const FIRST_RETRY_MS = 500;

export class Watch {
  readonly #signalling: Signalling;
  readonly #events: WatchEvents;
  #target: Target;
  #status: WatchStatus = { phase: "connecting" };
  #attempt: Attempt | null = null;
  #attempts = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  constructor(signalling: Signalling, target: Target, events: WatchEvents) {
    this.#signalling = signalling;
    this.#target = target;
    this.#events = events;
  }

  start(): void {
    this.#attempts = 0;
    this.#become({ phase: "connecting" });
    this.#tryNow();
  }

  stop(): void {
    this.#stopped = true;
    this.#discard();
  }

  /** The signalling server is back: time to do what had to wait for it. */
  signallingBack(): void {
    const { phase } = this.#status;
    if (phase === "live" || phase === "failed") return;
    if (phase === "interrupted" && this.#status.problem.kind === "producerLeft") return;
    this.#tryNow();
  }

  /** Follows the producer to a new id, and resumes when it returns. */
  producersChanged(producers: readonly Listed[]): void {
    const found = findAgain(this.#target, producers);
    const { phase } = this.#status;
    if (!found) {
      // Known to be gone: no need to ask once more.
      if (phase === "interrupted" && !this.#attempt) this.#producerLeft();
      return;
    }
    const moved = found.peerId !== this.#target.peerId;
    this.#target = found;
    const waits = phase === "interrupted" || phase === "connecting";
    if (waits && (moved || !this.#attempt)) this.#tryNow();
    else if (moved) this.#become(this.#status);
  }

  #tryNow(): void {
    this.#discard();
    if (this.#stopped || !this.#signalling.registered) return;
    this.#attempts += 1;
    this.#attempt = new Attempt(this.#signalling, this.#target.peerId, {
      streamChanged: (stream) => this.#events.streamChanged(stream),
      live: (stats, unstable) => this.#live(stats, unstable),
      failed: (problem) => this.#failed(problem),
    });
    this.#attempt.start();
  }

  #live(stats: MediaStats, unstable: boolean): void {
    if (!unstable) this.#attempts = 0;
    this.#become({ phase: "live", stats, unstable });
  }

  #failed(problem: Problem): void {
    this.#discard();
    if (!this.#signalling.registered) {
      // Nothing can be said about the other end before the server is back.
      this.#become(this.#interruption(problem));
      return;
    }
    const present = this.#signalling.producers.some(({ id }) => id === this.#target.peerId);
    if (!present) {
      this.#producerLeft();
    } else if (isFinal(problem) || this.#attempts >= MAX_ATTEMPTS) {
      this.#become({ phase: "failed", problem });
    } else {
      this.#become(this.#interruption(problem));
      const wait = FIRST_RETRY_MS * 2 ** Math.max(0, this.#attempts - 1);
      this.#retry = setTimeout(() => this.#tryNow(), wait);
    }
  }

  #producerLeft(): void {
    clearTimeout(this.#retry);
    this.#become({ phase: "interrupted", problem: { kind: "producerLeft" } });
  }

  /** What was never there cannot be interrupted. */
  #interruption(problem: Problem): WatchStatus {
    const neverLive = this.#status.phase === "connecting";
    return neverLive ? { phase: "connecting" } : { phase: "interrupted", problem };
  }

  #discard(): void {
    clearTimeout(this.#retry);
    this.#attempt?.close();
    this.#attempt = null;
  }

  #become(status: WatchStatus): void {
    this.#status = status;
    this.#events.changed(this.#target, status);
  }
}

/** The same producer in a new list: by id, else by a name that only one of them has. */
export function findAgain(target: Target, producers: readonly Listed[]): Target | null {
  if (producers.some(({ id }) => id === target.peerId)) return target;
  const namesakes = producers.filter((producer) => peerName(producer) === target.name);
  const [only] = namesakes;
  return only && namesakes.length === 1 ? { peerId: only.id, name: target.name } : null;
}

function isFinal(problem: Problem): boolean {
  return problem.kind === "codecIncompatible" || problem.kind === "requestRefused";
}

/** The other end closed DTLS, which it does when it goes away in good order. */
function hungUp(connection: RTCPeerConnection): boolean {
  return connection.getReceivers().some(({ transport }) => transport?.state === "closed");
}

interface AttemptEvents {
  streamChanged(stream: MediaStream): void;
  live(stats: MediaStats, unstable: boolean): void;
  failed(problem: Problem): void;
}

/** One session from the request to its end. Fails at most once, and not after `close`. */
class Attempt implements SessionEnd {
  readonly #signalling: Signalling;
  readonly #events: AttemptEvents;
  readonly #session: ConsumerSession;
  #connection: RTCPeerConnection | null = null;
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #poll: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  #last: MediaStats | null = null;
  #lastProgress = 0;
  #isLive = false;

  constructor(signalling: Signalling, peerId: string, events: AttemptEvents) {
    this.#signalling = signalling;
    this.#events = events;
    this.#session = new ConsumerSession(peerId, signalling);
    this.#session.addEventListener("rtcPeerConnectionChanged", () => this.#connectionMade());
    this.#session.addEventListener("error", (event) => {
      const cause: unknown = event instanceof ErrorEvent ? event.error : null;
      this.#fail(this.#sessionProblem(cause));
    });
  }

  start(): void {
    this.#deadline = setTimeout(() => this.#fail(this.#lateness()), NEGOTIATION_DEADLINE_MS);
    this.#signalling.expectSession(this.#session.peerId, this);
    this.#session.connect();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#deadline);
    clearTimeout(this.#poll);
    this.#session.close();
    this.#signalling.forget(this);
  }

  started(sessionId: string): void {
    this.#session.onSessionStarted(this.#session.peerId, sessionId);
  }

  received(message: PeerMessage): void {
    this.#session.onSessionPeerMessage(message);
  }

  ended(reason: string | null): void {
    const problem: Problem = reason
      ? { kind: "negotiationFailed", details: reason }
      : { kind: this.#isLive ? "mediaStopped" : "noAnswer" };
    this.#fail(problem);
  }

  refused(details: string): void {
    this.#fail({ kind: "requestRefused", details });
  }

  #connectionMade(): void {
    const connection = this.#session.rtcPeerConnection;
    if (!connection || connection === this.#connection) return;
    this.#connection = connection;
    // Sound and picture come as streams of their own; a video element plays one.
    const stream = new MediaStream();
    connection.addEventListener("track", ({ track }) => {
      stream.addTrack(track);
      this.#events.streamChanged(stream);
    });
    connection.addEventListener("connectionstatechange", () => {
      if (hungUp(connection)) this.#fail({ kind: "mediaStopped" });
      else if (connection.connectionState === "failed") this.#fail({ kind: "iceFailed" });
    });
    connection.addEventListener("signalingstatechange", () => this.#checkAnswer(connection));
    this.#pollAfter(FAST_POLL_MS);
  }

  #checkAnswer(connection: RTCPeerConnection): void {
    const answer = connection.currentLocalDescription?.sdp;
    if (answer && rejects(answer, "video")) this.#fail({ kind: "codecIncompatible" });
  }

  #pollAfter(ms: number): void {
    if (this.#closed) return;
    this.#poll = setTimeout(() => void this.#look(), ms);
  }

  async #look(): Promise<void> {
    const connection = this.#connection;
    if (!connection) return;
    const stats = summarise(await connection.getStats(), this.#last);
    if (this.#closed) return;
    const progressed = stats.bytes > (this.#last?.bytes ?? 0);
    this.#last = stats;
    if (progressed) this.#lastProgress = stats.at;
    this.#judge(stats);
    this.#pollAfter(this.#isLive ? POLL_MS : FAST_POLL_MS);
  }

  #judge(stats: MediaStats): void {
    if (!this.#isLive && stats.playing) {
      this.#isLive = true;
      clearTimeout(this.#deadline);
    }
    if (!this.#isLive) return;
    const silence = stats.at - this.#lastProgress;
    if (silence >= REPLACE_AFTER_MS) this.#fail({ kind: "mediaStopped" });
    else this.#events.live(stats, silence >= UNSTABLE_AFTER_MS);
  }

  #lateness(): Problem {
    return { kind: this.#connection?.remoteDescription ? "iceFailed" : "noAnswer" };
  }

  #sessionProblem(cause: unknown): Problem {
    if (!this.#signalling.registered) return { kind: "noAnswer" };
    return { kind: "negotiationFailed", details: cause instanceof Error ? cause.message : "" };
  }

  #fail(problem: Problem): void {
    if (this.#closed) return;
    this.close();
    this.#events.failed(problem);
  }
}
