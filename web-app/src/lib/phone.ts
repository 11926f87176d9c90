// The call as this browser carries it out: tells the server what the reducer says, and opens,
// sends, receives and lets go of media as the call demands. Touches no DOM.

import {
  idle,
  isOffered,
  isOpen,
  isRinging,
  isTalking,
  reduceCall,
  remembered,
  type CallEvent,
  type CallState,
  type Media,
  type OpenCall,
} from "./call.ts";
import type { CallNotice, CallRequest, CallView } from "./extension.ts";
import { Incoming, type IncomingEvents, type Receive } from "./incoming.ts";
import { Reception } from "./reception.ts";
import type { Answer, Signalling } from "./signalling.ts";
import type { MediaStats } from "./stats.ts";
import type { Studio } from "./studio.ts";

export interface PhoneEvents {
  changed(call: CallState, before: CallState): void;
  measured(stats: MediaStats): void;
}

/** A server lets it ring for 30 s, and says so when it can be heard. */
const RINGS_FOR_MS = 45_000;

export class Phone {
  readonly #signalling: Signalling;
  readonly #studio: Studio;
  readonly #events: PhoneEvents;
  #call: CallState = idle;
  #incoming: Incoming | null = null;
  /** The latest calls that are over. */
  #past: readonly string[] = [];
  /** The server was asked for a call, and has not said what becomes of that. */
  #isAsking = false;
  #ringing: ReturnType<typeof setTimeout> | undefined;
  readonly #waiting: CallEvent[] = [];
  #isBusy = false;

  constructor(signalling: Signalling, studio: Studio, events: PhoneEvents) {
    this.#signalling = signalling;
    this.#studio = studio;
    this.#events = events;
  }

  get call(): CallState {
    return this.#call;
  }

  place(to: string, media: Media): void {
    const free = this.#signalling.registered && !this.#isAsking;
    this.#happened({ type: "placed", to, media, free });
  }

  answer(media: Media): void {
    this.#happened({ type: "answered", media });
  }

  reject(reason: "rejected" | "busy"): void {
    this.#happened({ type: "rejected", reason });
  }

  hangUp(): void {
    this.#happened({ type: "hungUp", reason: "hangup", now: Date.now() });
  }

  dismiss(): void {
    this.#happened({ type: "dismissed" });
  }

  heard(notice: CallNotice): void {
    if (notice.type === "callRinging") this.#isAsking = false;
    this.#happened({ type: "heard", notice, now: Date.now() });
  }

  stands(view: CallView | null): void {
    this.#isAsking = false;
    this.#happened({ type: "stands", view, now: Date.now() });
  }

  signallingBack(): void {
    this.#incoming?.signallingBack();
  }

  /** The server is back where it was: it does not say how things stand. */
  resumed(): void {
    if (!this.#isAsking) this.#happened({ type: "lineFree" });
  }

  /** Camera, microphone and screen are others now. */
  ownChanged(): void {
    this.#happened({ type: "ownChanged", own: this.#studio.ownFor("call") });
  }

  /** Our producer that carries our media; null: there is none. */
  attach(peerId: string | null): void {
    this.#happened({ type: "attached", peerId });
  }

  /** The page is closed, or somebody logs out: a call that is held here ends, and nothing is shown. */
  leave(): void {
    const { call } = this;
    if (call.phase !== "ringingIn" || call.answered) this.hangUp();
    this.#happened({ type: "left" });
    this.#isAsking = false;
  }

  /** One after the other: what one event leads to may be the next one. */
  #happened(event: CallEvent): void {
    this.#waiting.push(event);
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      for (let next = this.#waiting.shift(); next; next = this.#waiting.shift())
        this.#carryOut(next);
    } finally {
      this.#isBusy = false;
    }
  }

  #carryOut(event: CallEvent): void {
    const before = this.#call;
    const step = reduceCall(before, event, this.#past);
    const { call, say } = step;
    this.#past = remembered(this.#past, before, step);
    this.#call = call;
    for (const request of say) this.#signalling.request(request, this.#answerTo(request));
    if (call === before) return;
    this.#time(call, before);
    this.#follow(call, before);
    this.#events.changed(call, before);
  }

  #answerTo(request: CallRequest): Answer {
    switch (request.type) {
      case "offerCall": {
        this.#isAsking = true;
        const refused = (code: string, details: string): void => {
          this.#isAsking = false;
          this.#happened({ type: "offerRefused", code, details });
        };
        const lost = (): void => {
          // Else the server says by how things stand whether it rings.
          if (!this.#signalling.registered) refused("disconnected", "");
        };
        // Given up on a line that was dead: then it rings nowhere.
        const isMeant = (): boolean => isOffered(this.#call);
        const unsaid = (): void => {
          this.#isAsking = false;
        };
        return { refused, lost, isMeant, unsaid };
      }
      case "answerCall": {
        const { callId } = request;
        return {
          refused: () => this.#happened({ type: "answerRefused", callId, now: Date.now() }),
        };
      }
      default:
        return {};
    }
  }

  /** A line that is lost while it rings may not come back. */
  #time(call: CallState, before: CallState): void {
    if (isRinging(call) && isRinging(before) && call.callId === before.callId) return;
    clearTimeout(this.#ringing);
    if (!isRinging(call)) return;
    this.#ringing = setTimeout(() => this.#happened({ type: "rangOut" }), RINGS_FOR_MS);
  }

  /** Media follow the call. */
  #follow(call: CallState, before: CallState): void {
    const need = isOpen(call) ? needed(call) : null;
    const had = isOpen(before) ? needed(before) : null;
    if (need && !had) void this.#studio.use("call", need);
    if (isTalking(call)) {
      this.#listen(call, before);
      return;
    }
    this.#incoming?.stop();
    this.#incoming = null;
    if (!need && had) void this.#studio.use("call", null);
  }

  #listen(
    { peers, away, theirs }: Extract<CallState, { phase: "active" | "connecting" }>,
    before: CallState,
  ): void {
    const isNew = !this.#incoming;
    const events: IncomingEvents = {
      streamChanged: (stream) => this.#happened({ type: "received", stream }),
      measured: (stats) => this.#events.measured(stats),
      judged: (live, unstable, problem) => {
        this.#happened({ type: "judged", live, unstable, problem });
      },
      dead: () => this.#happened({ type: "hungUp", reason: "mediaFailed", now: Date.now() }),
    };
    const receive: Receive = (from, events) => new Reception(this.#signalling, from, events);
    this.#incoming ??= new Incoming(this.#signalling, events, receive);
    const was = isTalking(before) ? before : null;
    if (was?.peers !== peers || was.away !== away || was.theirs !== theirs) {
      this.#incoming.follow({ peers, away, sends: theirs.audio || theirs.video });
    }
    if (isNew) this.ownChanged();
  }
}

/** What a call wants of camera and microphone when it begins; null before it is answered. */
function needed(call: OpenCall): { camera: boolean; microphone: boolean } | null {
  const media =
    call.phase === "ringingOut"
      ? call.media
      : call.phase === "ringingIn"
        ? call.answered
        : call.said;
  return media && { camera: media.video, microphone: media.audio };
}
