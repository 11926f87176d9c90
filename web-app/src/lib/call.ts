// The call that this browser takes part in, from ring to hang-up: what is known of it, and what is
// said to the server about it. Pure: no clock, no socket, no media of its own.

import type { CallNotice, CallRequest, CallView } from "./extension.ts";
import type { Problem } from "./problem.ts";

/** What somebody sends. */
export interface Media {
  readonly audio: boolean;
  readonly video: boolean;
}

/** Both sides hear the same one. */
export type EndReason =
  | "hangup"
  | "rejected"
  | "busy"
  | "noAnswer"
  | "cancelled"
  | "disconnected"
  | "mediaFailed"
  | "answeredElsewhere"
  | "loggedOut"
  | "incompatible";

/** Why there is no call any more, or never was one: then in the server's words. */
export type CallEnd =
  | { readonly kind: "ended"; readonly reason: EndReason }
  | { readonly kind: "refused"; readonly code: string; readonly details: string };

/** `paused` sends black, or silence. */
export type Input = "absent" | "on" | "paused";

/** What this browser sends into a call. */
export interface Own {
  /** To show; null while nothing is open (yet). */
  readonly stream: MediaStream | null;
  /** The camera, or in its place the screen. */
  readonly camera: Input;
  readonly microphone: Input;
  readonly screen: boolean;
  /** What could not be opened, or was lost; the call goes on without it. */
  readonly problem: Problem | null;
}

/** What is known of a call that was accepted. */
export interface Talk {
  readonly callId: string;
  /** The other account's name. */
  readonly with: string;
  readonly outgoing: boolean;
  /** When it was accepted, ms since the epoch. */
  readonly since: number;
  readonly own: Own;
  /** What the other side was told of it. */
  readonly said: Media;
  /** Our producer that carries it; null until it does. */
  readonly attached: string | null;
  /** What the other side says that it sends: muted, camera off. */
  readonly theirs: Media;
  /** The other side's producers. */
  readonly peers: readonly string[];
  /** The other side's picture and sound; null until there is something. */
  readonly stream: MediaStream | null;
  /** Nothing arrives for 2 s or more. */
  readonly unstable: boolean;
  /** The other side lost the server; it may come back. */
  readonly away: boolean;
  /** Why nothing arrives. */
  readonly problem: Problem | null;
}

export type CallState =
  | { readonly phase: "idle" }
  /** `callId` and `since` are null until it rings there; `sent`: the server was asked for it. */
  | {
      readonly phase: "ringingOut";
      readonly sent: boolean;
      readonly callId: string | null;
      readonly with: string;
      readonly media: Media;
      readonly since: number | null;
      readonly own: Own;
    }
  /** `answered`: the user did, and the server did not say yet who was first. */
  | {
      readonly phase: "ringingIn";
      readonly callId: string;
      readonly with: string;
      /** What the caller will send. */
      readonly media: Media;
      readonly since: number;
      /** With what the user answered; null while it rings. */
      readonly answered: Media | null;
    }
  /** Accepted; nothing of the other side is there yet. */
  | ({ readonly phase: "connecting" } & Talk)
  | ({ readonly phase: "active" } & Talk)
  /** Shown until it is dismissed, or the next call begins. */
  | {
      readonly phase: "ended";
      /** Null if it never rang. */
      readonly callId: string | null;
      readonly with: string;
      readonly outgoing: boolean;
      readonly end: CallEnd;
      /** Whether one was seen, or was to be: so does the next call begin. */
      readonly seen: boolean;
      /** In ms; null if it was not accepted. */
      readonly talked: number | null;
    };

/** A call with another side, before its end. */
export type OpenCall = Exclude<CallState, { phase: "idle" | "ended" }>;
type Ringing = Extract<CallState, { phase: "ringingOut" | "ringingIn" }>;
type RingingOut = Extract<CallState, { phase: "ringingOut" }>;
type Talking = Extract<CallState, { phase: "connecting" | "active" }>;

/** What happened; `now` in ms since the epoch. */
export type CallEvent =
  /** `free`: the server can be asked at once. */
  | {
      readonly type: "placed";
      readonly to: string;
      readonly media: Media;
      readonly free: boolean;
    }
  /** Now it can. */
  | { readonly type: "lineFree" }
  | { readonly type: "offerRefused"; readonly code: string; readonly details: string }
  | { readonly type: "answered"; readonly media: Media }
  /** There was nothing left to answer. */
  | { readonly type: "answerRefused"; readonly callId: string; readonly now: number }
  | { readonly type: "rejected"; readonly reason: "rejected" | "busy" }
  | { readonly type: "hungUp"; readonly reason: "hangup" | "mediaFailed"; readonly now: number }
  /** It rang for longer than a server lets it: nobody was told how that ended. */
  | { readonly type: "rangOut" }
  | { readonly type: "dismissed" }
  /** Nothing is to be shown any more. */
  | { readonly type: "left" }
  | { readonly type: "heard"; readonly notice: CallNotice; readonly now: number }
  /** How things stand after a new beginning. */
  | { readonly type: "stands"; readonly view: CallView | null; readonly now: number }
  | { readonly type: "ownChanged"; readonly own: Own }
  /** Our producer that carries our media; null: there is none (any more). */
  | { readonly type: "attached"; readonly peerId: string | null }
  | { readonly type: "received"; readonly stream: MediaStream | null }
  | {
      readonly type: "judged";
      /** Picture or sound is there. */
      readonly live: boolean;
      readonly unstable: boolean;
      readonly problem: Problem | null;
    };

/** What follows: the call from now on, and what the server is told, in this order. */
export interface Step {
  readonly call: CallState;
  readonly say: readonly CallRequest[];
}

export type EndedCall = Extract<CallState, { phase: "ended" }>;

/** Calls that are over. */
const REMEMBERED = 32;

export const idle: CallState = { phase: "idle" };
export const nothing: Own = {
  stream: null,
  camera: "absent",
  microphone: "absent",
  screen: false,
  problem: null,
};

/** `past` are the latest calls that are over here, by their ids; see {@link remembered}. */
export function reduceCall(call: CallState, event: CallEvent, past: readonly string[] = []): Step {
  switch (event.type) {
    case "placed":
      return isOpen(call) ? still(call) : placed(event);
    case "lineFree":
      return isUnsent(call) ? offered(call) : still(call);
    case "offerRefused": {
      const { code, details } = event;
      // What was refused is the one before, which was given up.
      if (isUnsent(call)) return offered(call);
      const isMeant = call.phase === "ringingOut" && call.callId === null;
      return still(isMeant ? ended(call, { kind: "refused", code, details }) : call);
    }
    case "answered":
      return answered(call, event.media);
    case "answerRefused":
      return still(isThis(call, event.callId) ? over(call, "disconnected", event.now) : call);
    case "rejected":
      return rejected(call, event.reason);
    case "hungUp":
      return hungUp(call, event.reason, event.now);
    case "rangOut":
      return rangOut(call);
    case "dismissed":
      return still(call.phase === "ended" ? idle : call);
    case "left":
      return still(idle);
    case "heard":
      return heard(call, event.notice, event.now);
    case "stands":
      return stands(call, event.view, event.now, past);
    default:
      return reduceMedia(call, event);
  }
}

/** Whoever comes back to a server hears of calls whose end was not heard there. */
export function remembered(
  past: readonly string[],
  before: CallState,
  { call, say }: Step,
): readonly string[] {
  const hasLeft = isOpen(before) && before.callId !== null && !isThis(call, before.callId);
  const over = [
    ...(hasLeft ? [before.callId] : []),
    ...say.flatMap((said) => (said.type === "endCall" ? [said.callId] : [])),
  ];
  if (over.length === 0) return past;
  return [...past.filter((id) => !over.includes(id)), ...new Set(over)].slice(-REMEMBERED);
}

export function isOpen(call: CallState): call is OpenCall {
  return call.phase !== "idle" && call.phase !== "ended";
}

/** Nobody has said yes or no yet. */
export function isRinging(call: CallState): call is Ringing {
  return call.phase === "ringingOut" || (call.phase === "ringingIn" && !call.answered);
}

/** The server was asked for it, and has not said whether it rings. */
export function isOffered(call: CallState): boolean {
  return call.phase === "ringingOut" && call.sent && call.callId === null;
}

/** Accepted and not over. */
export function isTalking(call: CallState): call is Talking {
  return call.phase === "connecting" || call.phase === "active";
}

function placed({ to, media, free }: Extract<CallEvent, { type: "placed" }>): Step {
  const ringing = { callId: null, with: to, media, since: null, own: nothing, sent: false };
  const call = { phase: "ringingOut", ...ringing } as const;
  return free ? offered(call) : still(call);
}

function offered(call: RingingOut): Step {
  const { with: to, media } = call;
  return { call: { ...call, sent: true }, say: [{ type: "offerCall", to, media }] };
}

function isUnsent(call: CallState): call is RingingOut & { readonly sent: false } {
  return call.phase === "ringingOut" && !call.sent;
}

function answered(call: CallState, media: Media): Step {
  if (call.phase !== "ringingIn" || call.answered) return still(call);
  const { callId } = call;
  return {
    call: { ...call, answered: media },
    say: [{ type: "answerCall", callId, accept: true, media }],
  };
}

function rejected(call: CallState, reason: "rejected" | "busy"): Step {
  if (call.phase !== "ringingIn" || call.answered) return still(call);
  return {
    call: ended(call, { kind: "ended", reason }),
    say: [{ type: "answerCall", callId: call.callId, accept: false, reason }],
  };
}

/** It is over here at once; the server hears of it as soon as it can. */
function hungUp(call: CallState, reason: "hangup" | "mediaFailed", now: number): Step {
  if (!isOpen(call)) return still(call);
  if (call.phase === "ringingIn" && !call.answered) return rejected(call, "rejected");
  const { callId } = call;
  return {
    call: over(call, call.phase === "ringingOut" ? "cancelled" : reason, now),
    say: callId === null ? [] : [{ type: "endCall", callId, reason }],
  };
}

/** Others may be asked for longer: only who calls ends it for all. */
function rangOut(call: CallState): Step {
  if (!isRinging(call)) return still(call);
  const { callId, phase } = call;
  const isOurs = phase === "ringingOut" && callId !== null;
  const end: CallEnd = isUnsent(call)
    ? { kind: "refused", code: "disconnected", details: "" }
    : { kind: "ended", reason: "noAnswer" };
  return {
    call: ended(call, end),
    say: isOurs ? [{ type: "endCall", callId, reason: "hangup" }] : [],
  };
}

function heard(call: CallState, notice: CallNotice, now: number): Step {
  const { type, callId } = notice;
  if (type === "callRinging") return rings(call, callId, notice.to, now);
  if (type === "incomingCall") {
    const { from, media } = notice;
    // The server lets one call of an account ring at a time: another one's end was not heard.
    if (isThis(call, callId)) return still(call);
    return still({
      phase: "ringingIn",
      callId,
      with: from,
      media,
      since: now,
      answered: null,
    });
  }
  if (!isThis(call, callId)) return still(call);
  if (type === "callEnded") return still(over(call, notice.reason, now));
  if (type === "callAccepted") return still(accepted(call, notice.media, now));
  return still(isTalking(call) ? settled(told(call, notice)) : call);
}

/** Whoever gave up before it rang has hung up by now; another call may wait for that. */
function rings(call: CallState, callId: string, to: string, now: number): Step {
  if (isOpen(call) && call.callId === callId) return still(call);
  if (isUnsent(call)) return after(callId, offered(call));
  if (call.phase === "ringingOut" && call.callId === null && call.with === to) {
    return still({ ...call, callId, since: now });
  }
  return after(callId, still(call));
}

/** First that one is hung up. */
function after(callId: string, { call, say }: Step): Step {
  return { call, say: [{ type: "endCall", callId, reason: "hangup" }, ...say] };
}

function accepted(call: OpenCall, theirs: Media, now: number): CallState {
  if (isTalking(call)) return call;
  const isOutgoing = call.phase === "ringingOut";
  return settled({
    phase: "connecting",
    callId: call.callId ?? "",
    with: call.with,
    outgoing: isOutgoing,
    since: now,
    own: isOutgoing ? call.own : nothing,
    said: isOutgoing ? call.media : (call.answered ?? { audio: false, video: false }),
    attached: null,
    theirs,
    peers: [],
    stream: null,
    unstable: false,
    away: false,
    problem: null,
  });
}

function told(call: Talking, notice: CallNotice): Talking {
  switch (notice.type) {
    case "callPeer":
      return {
        ...call,
        peers: [...call.peers.filter((id) => id !== notice.peerId), notice.peerId],
      };
    case "callPeerGone":
      return { ...call, peers: call.peers.filter((id) => id !== notice.peerId) };
    case "callUpdated":
      return { ...call, theirs: notice.media };
    case "callAway":
      return { ...call, away: true };
    case "callBack":
      return { ...call, away: false };
    default:
      return call;
  }
}

/** Brings what is known up to what the server knows, and says again what it may not have heard. */
function stands(
  call: CallState,
  view: CallView | null,
  now: number,
  past: readonly string[],
): Step {
  if (!view) return noneStands(call, now);
  const { callId } = view;
  if (view.stage === "elsewhere") return still(isOpen(call) ? elsewhere(call, now) : call);
  if (past.includes(callId)) return after(callId, noneStands(call, now));
  if (!isOpen(call) || !isOf(call, view)) return newlyStands(call, view, now);
  const known = call.callId === callId ? call : rings(call, callId, view.with, now).call;
  if (!isThis(known, callId)) return still(call);
  return view.stage === "held" ? goesOn(known, view, now) : ringsOn(known);
}

/** What the server was not asked for yet, it is asked for now. */
function noneStands(call: CallState, now: number): Step {
  if (isUnsent(call)) return offered(call);
  return still(isOpen(call) ? over(call, "disconnected", now) : call);
}

/** The account is in a call on another device: in this one, or in one that leaves no room for it. */
function elsewhere(call: OpenCall, now: number): CallState {
  if (call.callId !== null) return over(call, "answeredElsewhere", now);
  return ended(call, { kind: "refused", code: "busy", details: "" });
}

/** What was offered has no id yet. */
function isOf(call: OpenCall, { callId, outgoing, with: other }: CallView): boolean {
  if (call.callId !== null) return call.callId === callId;
  return !isUnsent(call) && outgoing && call.with === other;
}

/** A call that is not the one that is shown here, if any. */
function newlyStands(call: CallState, view: CallView, now: number): Step {
  const { callId, media } = view;
  if (view.stage === "held" || view.outgoing) return after(callId, noneStands(call, now));
  return heard(call, { type: "incomingCall", callId, from: view.with, media }, now);
}

function ringsOn(call: OpenCall): Step {
  if (call.phase !== "ringingIn" || !call.answered) return still(call);
  const { callId, answered: media } = call;
  return { call, say: [{ type: "answerCall", callId, accept: true, media }] };
}

function goesOn(call: OpenCall, view: CallView, now: number): Step {
  const talking = accepted(call, view.media, now);
  if (!isTalking(talking)) return still(talking);
  const { callId, attached, said } = talking;
  const attach: CallRequest[] =
    attached === null ? [] : [{ type: "attachPeer", callId, peerId: attached }];
  return {
    call: settled({
      ...talking,
      theirs: view.media,
      peers: view.peers,
      away: !view.connected,
    }),
    say: [...attach, { type: "updateCall", callId, media: said }],
  };
}

function reduceMedia(
  call: CallState,
  event: Extract<CallEvent, { type: "ownChanged" | "attached" | "received" | "judged" }>,
): Step {
  if (event.type === "ownChanged" && call.phase === "ringingOut") {
    return still({ ...call, own: event.own });
  }
  if (!isTalking(call)) return still(call);
  switch (event.type) {
    case "ownChanged":
      return ownChanged(call, event.own);
    case "attached": {
      const { callId } = call;
      const { peerId } = event;
      if (call.attached === peerId) return still(call);
      return {
        call: { ...call, attached: peerId },
        say: peerId === null ? [] : [{ type: "attachPeer", callId, peerId }],
      };
    }
    case "received":
      return still({ ...call, stream: event.stream });
    case "judged": {
      const { live, unstable, problem } = event;
      return still({
        ...call,
        phase: live ? "active" : call.phase,
        unstable,
        problem,
      });
    }
  }
}

/** The other side is told what it gets, as soon as that is known. */
function ownChanged(call: Talking, own: Own): Step {
  const isOpening = own.stream === null && own.problem === null;
  const media = { audio: own.microphone === "on", video: own.camera === "on" };
  const isSaid = media.audio === call.said.audio && media.video === call.said.video;
  if (isOpening || isSaid) return still({ ...call, own });
  return {
    call: { ...call, own, said: media },
    say: [{ type: "updateCall", callId: call.callId, media }],
  };
}

/** Where nothing is to come, nothing is waited for. */
function settled(call: Talking): Talking {
  const isSilent = !call.theirs.audio && !call.theirs.video && call.peers.length === 0;
  return isSilent ? { ...call, phase: "active" } : call;
}

function over(call: OpenCall, reason: EndReason, now: number): CallState {
  return ended(call, { kind: "ended", reason }, isTalking(call) ? now - call.since : null);
}

function ended(call: OpenCall, end: CallEnd, talked: number | null = null): CallState {
  const outgoing = isTalking(call) ? call.outgoing : call.phase === "ringingOut";
  const { callId, with: other } = call;
  return { phase: "ended", callId, with: other, outgoing, end, seen: isSeen(call), talked };
}

function isSeen(call: OpenCall): boolean {
  switch (call.phase) {
    case "ringingIn":
      return call.answered?.video ?? true;
    case "ringingOut":
      return call.own.stream === null ? call.media.video : call.own.camera === "on";
    default:
      return call.said.video;
  }
}

function isThis(call: CallState, callId: string): call is OpenCall {
  return isOpen(call) && call.callId === callId;
}

function still(call: CallState): Step {
  return { call, say: [] };
}
