// One session with a producer, from the request to its end: picture, sound, and how good they are.
// Fails at most once, and not after `close`. Whether silence is an end is its owner's to say.
// Touches no DOM.
//
// The session is gstwebrtc-api's own (negotiation, the control channel to the device); what it
// leaves open is here: a deadline, failing ICE, and media that stops.

import ConsumerSession from "gstwebrtc-api/src/consumer-session.js";
import { rejects } from "./codecs.ts";
import type { PeerMessage } from "./messages.ts";
import { endProblem, type Problem } from "./problem.ts";
import type { SessionEnd, Signalling } from "./signalling.ts";
import { summarise, type MediaStats } from "./stats.ts";

export interface ReceptionEvents {
  streamChanged(stream: MediaStream): void;
  /** Once there is picture or sound; `silence` is how long nothing has come since, ms. */
  measured(stats: MediaStats, silence: number): void;
  /** This browser cannot play the picture; perhaps it can play the sound. */
  incompatible(): void;
  failed(problem: Problem): void;
}

/** When what is shown counts as unstable, and when a new session is asked for. */
export const UNSTABLE_AFTER_MS = 2_000;
export const REPLACE_AFTER_MS = 5_000;
/** What a program needs for an offer, and then both ends for picture and sound. */
export const NEGOTIATION_DEADLINE_MS = 12_000;
const FAST_POLL_MS = 200;
const POLL_MS = 1_000;

export class Reception implements SessionEnd {
  readonly #signalling: Signalling;
  readonly #events: ReceptionEvents;
  readonly #session: ConsumerSession;
  readonly #offerWithin: number;
  #connection: RTCPeerConnection | null = null;
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #poll: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  #last: MediaStats | null = null;
  #lastProgress = 0;
  #isLive = false;

  /** `offerWithin`, ms, is longer where a person may have to do something before there is an offer. */
  constructor(
    signalling: Signalling,
    peerId: string,
    events: ReceptionEvents,
    offerWithin: number = NEGOTIATION_DEADLINE_MS,
  ) {
    this.#signalling = signalling;
    this.#events = events;
    this.#offerWithin = offerWithin;
    this.#session = new ConsumerSession(peerId, signalling);
    this.#session.addEventListener("rtcPeerConnectionChanged", () => this.#connectionMade());
    this.#session.addEventListener("error", (event) => {
      const cause: unknown = event instanceof ErrorEvent ? event.error : null;
      this.#fail(this.#sessionProblem(cause));
    });
  }

  /** The producer has said something: it is connected to the signaller. */
  get isAnswered(): boolean {
    return this.#connection !== null;
  }

  start(): void {
    this.#deadline = setTimeout(() => this.#fail({ kind: "noAnswer" }), this.#offerWithin);
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
      ? endProblem(reason)
      : { kind: this.#isLive ? "mediaStopped" : "noAnswer" };
    this.#fail(problem);
  }

  refused(details: string, code: string | null): void {
    if (code === "busy") this.#fail({ kind: "taken" });
    else this.#fail({ kind: "requestRefused", ...(code !== null && { code }), details });
  }

  #connectionMade(): void {
    const connection = this.#session.rtcPeerConnection;
    if (!connection || connection === this.#connection) return;
    this.#connection = connection;
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.#fail(this.#lateness()), NEGOTIATION_DEADLINE_MS);
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
    if (!this.#closed && answer && rejects(answer, "video")) this.#events.incompatible();
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
    if (this.#isLive) this.#events.measured(stats, stats.at - this.#lastProgress);
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

/** The other end closed DTLS, which it does when it goes away in good order. */
function hungUp(connection: RTCPeerConnection): boolean {
  return connection.getReceivers().some(({ transport }) => transport?.state === "closed");
}
