// The other side's picture and sound in a call: sessions with its producer, one after the other,
// and the clocks of a call (docs/guide/web-app.md). Lost signalling ends nothing here. Touches no DOM.

import type { Problem } from "./problem.ts";
import {
  REPLACE_AFTER_MS,
  UNSTABLE_AFTER_MS,
  type Reception,
  type ReceptionEvents,
} from "./reception.ts";
import type { Signalling } from "./signalling.ts";
import type { MediaStats } from "./stats.ts";

export interface IncomingEvents {
  streamChanged(stream: MediaStream): void;
  measured(stats: MediaStats): void;
  judged(live: boolean, unstable: boolean, problem: Problem | null): void;
  /** Nothing came for too long, while it could have come. */
  dead(): void;
}

/** What the call says of the other side. */
export interface Remote {
  /** Its producers; the last one counts. */
  readonly peers: readonly string[];
  readonly away: boolean;
  /** It says that it sends something. */
  readonly sends: boolean;
}

/** Makes a session with a producer; it has not begun. */
export type Receive = (
  from: string,
  events: ReceptionEvents,
) => Pick<Reception, "start" | "close" | "isAnswered">;

const DEAD_AFTER_MS = 20_000;
/**
 * The same while the other side says nothing to a request for a session: it may have lost its
 * network, which the server finds out later, or somebody there may still be asked for the camera.
 */
const UNHEARD_AFTER_MS = 60_000;
const RETRY_MS = 1_000;
const TICK_MS = 500;
/** A longer step is a page that stood still: in that time nothing could have come. */
const LONGEST_STEP_MS = 2 * TICK_MS;

export class Incoming {
  readonly #signalling: Pick<Signalling, "registered" | "check">;
  readonly #receive: Receive;
  readonly #events: IncomingEvents;
  #remote: Remote = { peers: [], away: false, sends: false };
  #reception: ReturnType<Receive> | null = null;
  #from: string | null = null;
  #problem: Problem | null = null;
  #isLive = false;
  #isUnstable = false;
  /** Since when nothing comes; how much of that counts; and in how much of it the other side was there. */
  #since = performance.now();
  #counted = 0;
  #heard = 0;
  #isReplaced = false;
  #lastTick = performance.now();
  #retry: ReturnType<typeof setTimeout> | undefined;
  readonly #clock: ReturnType<typeof setInterval>;

  constructor(
    signalling: Pick<Signalling, "registered" | "check">,
    events: IncomingEvents,
    receive: Receive,
  ) {
    this.#signalling = signalling;
    this.#events = events;
    this.#receive = receive;
    this.#clock = setInterval(() => this.#tick(), TICK_MS);
  }

  stop(): void {
    clearInterval(this.#clock);
    this.#discard();
  }

  /** The call says something new of the other side. */
  follow(remote: Remote): void {
    const isBack = this.#remote.away && !remote.away;
    this.#remote = remote;
    const from = remote.peers.at(-1) ?? null;
    // A producer that is gone may still be heard: its connection tells better when it ends.
    const isIdle = !this.#reception && this.#retry === undefined;
    if (from !== null && (from !== this.#from || isIdle)) this.#ask(from);
    else if (isBack) this.#again();
  }

  /** The signalling server is back: time to do what had to wait for it. */
  signallingBack(): void {
    this.#again();
  }

  #again(): void {
    const from = this.#remote.peers.at(-1);
    if (from !== undefined && !this.#reception) this.#ask(from);
  }

  #ask(from: string): void {
    this.#discard();
    this.#from = from;
    if (!this.#signalling.registered) return;
    this.#reception = this.#receive(from, {
      streamChanged: (stream) => this.#events.streamChanged(stream),
      measured: (stats, silence) => this.#measured(stats, silence),
      incompatible: () => {
        this.#problem = { kind: "codecIncompatible" };
      },
      failed: (problem) => this.#failed(problem),
    });
    this.#reception.start();
  }

  #failed(problem: Problem): void {
    this.#problem = problem;
    this.#reception = null;
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#again();
    }, RETRY_MS);
  }

  #measured(stats: MediaStats, silence: number): void {
    this.#isLive = true;
    this.#events.measured(stats);
    if (silence >= UNSTABLE_AFTER_MS) return;
    this.#since = performance.now() - silence;
    this.#counted = 0;
    this.#heard = 0;
    this.#isReplaced = false;
    if (this.#problem?.kind !== "codecIncompatible") this.#problem = null;
    this.#judge(false);
  }

  #tick(): void {
    const now = performance.now();
    const step = Math.min(now - this.#lastTick, LONGEST_STEP_MS);
    this.#lastTick = now;
    const { away, sends, peers } = this.#remote;
    const isDue = sends || peers.length > 0;
    const silence = now - this.#since;
    if (!isDue || silence < UNSTABLE_AFTER_MS) return;
    if (this.#isLive) this.#judge(true);
    if (away || !this.#signalling.registered) return;
    this.#counted += step;
    if (this.#reception?.isAnswered) this.#heard += step;
    const isSilent = this.#isLive && silence >= REPLACE_AFTER_MS;
    const isDead = this.#heard >= DEAD_AFTER_MS - UNSTABLE_AFTER_MS;
    if (isDead || this.#counted >= UNHEARD_AFTER_MS) this.#events.dead();
    else if (isSilent && this.#reception && !this.#isReplaced) this.#replace();
  }

  /** Once in a silence. */
  #replace(): void {
    this.#isReplaced = true;
    this.#problem = { kind: "mediaStopped" };
    this.#discard();
    this.#again();
  }

  #judge(isUnstable: boolean): void {
    if (isUnstable && !this.#isUnstable) {
      this.#problem ??= { kind: "mediaStopped" };
      // Is it only the media, or our own line?
      this.#signalling.check();
    }
    this.#isUnstable = isUnstable;
    this.#events.judged(this.#isLive, isUnstable, this.#problem);
  }

  #discard(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#reception?.close();
    this.#reception = null;
  }
}
