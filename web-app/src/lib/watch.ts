// One watched producer: sessions with it, one after the other, until it is stopped.
// Notices when media stops and gets it back by itself; a lost signalling server is no reason to
// stop. Touches no DOM.

import { peerName, type Listed } from "./messages.ts";
import type { Problem } from "./problem.ts";
import {
  NEGOTIATION_DEADLINE_MS,
  Reception,
  type ReceptionEvents,
  REPLACE_AFTER_MS,
  UNSTABLE_AFTER_MS,
} from "./reception.ts";
import type { Signalling } from "./signalling.ts";
import type { MediaStats } from "./stats.ts";

export interface Target {
  readonly peerId: string;
  readonly name: string;
}

export type WatchStatus =
  /** `late`: a program would have offered something by now; perhaps a person has to start it. */
  | { readonly phase: "connecting"; readonly late: boolean }
  | { readonly phase: "live"; readonly unstable: boolean; readonly stats: MediaStats }
  /** Comes back by itself. */
  | { readonly phase: "interrupted"; readonly problem: Problem }
  /** Given up; somebody has to ask again. */
  | { readonly phase: "failed"; readonly problem: Problem };

export interface WatchEvents {
  changed(target: Target, status: WatchStatus): void;
  streamChanged(stream: MediaStream | null): void;
}

/** Some programs ask a person, who may take this long. */
const OFFER_WITHIN_MS = 60_000;
const MAX_ATTEMPTS = 4;
const FIRST_RETRY_MS = 500;
/** The next attempt would not end better. */
const FINAL: readonly Problem["kind"][] = [
  "codecIncompatible",
  "fingerprintMismatch",
  "requestRefused",
  "taken",
];

const CONNECTING: WatchStatus = { phase: "connecting", late: false };

export class Watch {
  readonly #signalling: Signalling;
  readonly #events: WatchEvents;
  #target: Target;
  #status: WatchStatus = CONNECTING;
  #attempt: Reception | null = null;
  #attempts = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #lateness: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  constructor(signalling: Signalling, target: Target, events: WatchEvents) {
    this.#signalling = signalling;
    this.#target = target;
    this.#events = events;
  }

  start(): void {
    this.#attempts = 0;
    this.#become(CONNECTING);
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
    const events: ReceptionEvents = {
      streamChanged: (stream) => {
        if (this.#isLate) this.#become(CONNECTING);
        this.#events.streamChanged(stream);
      },
      measured: (stats, silence) => this.#measured(stats, silence),
      incompatible: () => this.#failed({ kind: "codecIncompatible" }),
      failed: (problem) => this.#failed(problem),
    };
    // What has sent before needs nobody.
    const isFirst = this.#status.phase === "connecting";
    const offerWithin = isFirst ? OFFER_WITHIN_MS : NEGOTIATION_DEADLINE_MS;
    this.#attempt = new Reception(this.#signalling, this.#target.peerId, events, offerWithin);
    if (isFirst) this.#lateness = setTimeout(() => this.#late(), NEGOTIATION_DEADLINE_MS);
    this.#attempt.start();
  }

  #late(): void {
    if (this.#attempt && !this.#attempt.isAnswered) {
      this.#become({ phase: "connecting", late: true });
    }
  }

  #measured(stats: MediaStats, silence: number): void {
    const unstable = silence >= UNSTABLE_AFTER_MS;
    if (silence >= REPLACE_AFTER_MS) {
      this.#failed({ kind: "mediaStopped" });
      return;
    }
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
    } else if (isFinal(problem) || this.#isInVain(problem) || this.#attempts >= MAX_ATTEMPTS) {
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
    return neverLive ? CONNECTING : { phase: "interrupted", problem };
  }

  /** It was waited for as long as for a person. */
  #isInVain({ kind }: Problem): boolean {
    return kind === "noAnswer" && this.#isLate;
  }

  get #isLate(): boolean {
    return this.#status.phase === "connecting" && this.#status.late;
  }

  #discard(): void {
    clearTimeout(this.#retry);
    clearTimeout(this.#lateness);
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
  return FINAL.includes(problem.kind);
}
