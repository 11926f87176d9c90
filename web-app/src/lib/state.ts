// The state of the app and how it changes: a pure reducer.
// No clock, no socket, no DOM.

import { idle, type CallState, type Input } from "./call.ts";
import type { CaptureChoice, Device, Devices } from "./capture.ts";
import { peerName, type Listed } from "./messages.ts";
import type { Problem } from "./problem.ts";
import { CALL, forgotten, measured, SENT, type CallKey, type Qualities } from "./quality.ts";
import { roster, type AccountInfo, type Entry } from "./roster.ts";
import { reduceSession, unknown, type SessionEvent, type SessionState } from "./session.ts";
import type { SocketState } from "./socket.ts";
import type { MediaStats } from "./stats.ts";
import type { Target, WatchStatus } from "./watch.ts";

export interface State {
  readonly session: SessionState;
  readonly socket: SocketState;
  /** Our id while the server knows us. */
  readonly ownId: string | null;
  /** Null until the first list came. Kept, if out of date, while the server is away. */
  readonly producers: readonly Listed[] | null;
  /** Other accounts and what they have on air; null for guests, and until it is known. */
  readonly roster: readonly Entry[] | null;
  readonly call: CallState;
  /** Calls that were missed since one last looked. */
  readonly missed: number;
  /** How many calls the server said are over: with each of them the history is another one. */
  readonly callsOver: number;
  /** All that is watched at once, in the order in which it was begun. */
  readonly watches: readonly Watched[];
  /** How good what is shown is, by the key of what is watched, `CALL` or `SENT`. */
  readonly quality: Qualities;
  readonly share: ShareState;
  readonly devices: Devices;
  /** An error of the server that belongs to nothing in particular. */
  readonly complaint: Problem | null;
}

/** One watched producer. */
export interface Watched {
  /** Stays the same while the producer's id may change. */
  readonly key: string;
  readonly target: Target;
  readonly status: WatchStatus;
  readonly stream: MediaStream | null;
}

export type ShareState =
  | { readonly phase: "off"; readonly problem: Problem | null }
  | { readonly phase: "opening" }
  | (Opened & { readonly phase: "ready" })
  | (Opened & { readonly phase: "onAir"; readonly viewers: number });

export interface Opened {
  readonly stream: MediaStream;
  readonly camera: Input;
  readonly microphone: Input;
  readonly problem: Problem | null;
}

export type Event =
  | SessionEvent
  | { readonly type: "socketChanged"; readonly socket: SocketState }
  | { readonly type: "registered"; readonly peerId: string }
  | { readonly type: "producersChanged"; readonly producers: readonly Listed[] }
  | { readonly type: "complained"; readonly problem: Problem }
  | { readonly type: "accountsChanged"; readonly accounts: readonly AccountInfo[] | null }
  | { readonly type: "callChanged"; readonly call: CallState }
  | { readonly type: "callMeasured"; readonly key: CallKey; readonly stats: MediaStats }
  | { readonly type: "missedChanged"; readonly missed: number }
  | { readonly type: "callOver" }
  | { readonly type: "watchStarted"; readonly key: string; readonly target: Target }
  | {
      readonly type: "watchChanged";
      readonly key: string;
      readonly target: Target;
      readonly status: WatchStatus;
    }
  | { readonly type: "watchStream"; readonly key: string; readonly stream: MediaStream | null }
  | { readonly type: "watchStopped"; readonly key: string }
  | { readonly type: "captureOpening" }
  | ({ readonly type: "captureOpened" } & Opened)
  | { readonly type: "captureFailed"; readonly problem: Problem }
  | { readonly type: "captureClosed" }
  | { readonly type: "onAir" }
  | { readonly type: "offAir"; readonly problem: Problem | null }
  | { readonly type: "viewersChanged"; readonly viewers: number }
  | { readonly type: "devicesChanged"; readonly devices: Devices };

export const initial: State = {
  session: unknown,
  socket: { phase: "connecting" },
  ownId: null,
  producers: null,
  roster: null,
  call: idle,
  missed: 0,
  callsOver: 0,
  watches: [],
  quality: {},
  share: { phase: "off", problem: null },
  devices: { cameras: [], microphones: [] },
  complaint: null,
};

export function reduce(state: State, event: Event): State {
  switch (event.type) {
    case "socketChanged":
      return { ...state, socket: event.socket, ownId: null, complaint: null };
    case "registered":
      return { ...state, ownId: event.peerId };
    case "producersChanged":
      return {
        ...state,
        producers: inOrder(event.producers),
        roster: state.roster && roster(state.roster, event.producers),
      };
    case "accountsChanged":
      return { ...state, roster: event.accounts && roster(event.accounts, state.producers) };
    case "callChanged":
      return {
        ...state,
        call: event.call,
        quality: isOn(event.call) ? state.quality : forgotten(forgotten(state.quality, CALL), SENT),
      };
    case "callMeasured":
      return isOn(state.call)
        ? { ...state, quality: measured(state.quality, event.key, event.stats) }
        : state;
    case "missedChanged":
      return { ...state, missed: event.missed };
    case "callOver":
      return { ...state, callsOver: state.callsOver + 1 };
    case "complained":
      return { ...state, complaint: event.problem };
    case "devicesChanged":
      return { ...state, devices: event.devices };
    case "serverAway":
    case "visited":
    case "loginWanted":
    case "guestEntered":
    case "loginStarted":
    case "loginFailed":
    case "loggedOut":
      return enter(state, reduceSession(state.session, event));
    case "watchStarted":
    case "watchChanged":
    case "watchStream":
    case "watchStopped":
      return reduceWatch(state, event);
    default:
      return { ...state, share: reduceShare(state.share, event) };
  }
}

/** Only who is in is connected, and watches and sends. */
export function isIn({ session }: State): boolean {
  return session.phase === "in";
}

/** Whether a device that is wanted, and was missed, has been plugged in (again). */
export function isBack(
  { problem }: Pick<Opened, "problem">,
  wanted: CaptureChoice,
  devices: Devices,
): boolean {
  if (problem?.kind !== "captureLost" && problem?.kind !== "captureAbsent") return false;
  const has = (list: readonly Device[], id: string | null): boolean =>
    id === "" ? list.length > 0 : list.some((device) => device.id === id);
  const camera = problem.what !== "microphone" && has(devices.cameras, wanted.camera);
  const microphone = problem.what !== "camera" && has(devices.microphones, wanted.microphone);
  return camera || microphone;
}

type WatchEvent = Extract<Event, { type: `watch${string}` }>;
type ShareEvent = Extract<
  Event,
  {
    type: `capture${string}` | "onAir" | "offAir" | "viewersChanged";
  }
>;

/** Who is no longer in keeps nothing of what was there. */
function enter(state: State, session: SessionState): State {
  if (session === state.session) return state;
  const isOver = isIn(state) && session.phase !== "in";
  return isOver ? { ...initial, devices: state.devices, session } : { ...state, session };
}

function reduceWatch(state: State, event: WatchEvent): State {
  const { key } = event;
  const change = (changed: Partial<Watched>): State => ({
    ...state,
    watches: state.watches.map((one) => (one.key === key ? { ...one, ...changed } : one)),
  });
  switch (event.type) {
    case "watchStarted": {
      const begun = { key, target: event.target, status: connecting, stream: null };
      const others = state.watches.filter((one) => one.key !== key);
      return { ...state, watches: [...others, begun] };
    }
    case "watchStream":
      return change({ stream: event.stream });
    case "watchStopped":
      return {
        ...state,
        watches: state.watches.filter((one) => one.key !== key),
        quality: forgotten(state.quality, key),
      };
    case "watchChanged": {
      const { target, status } = event;
      const changed = change({ target, status });
      if (status.phase !== "live" || !state.watches.some((one) => one.key === key)) return changed;
      return { ...changed, quality: measured(state.quality, key, status.stats) };
    }
  }
}

const connecting: WatchStatus = { phase: "connecting", late: false };

/** There are pictures, or soon will be. */
function isOn({ phase }: CallState): boolean {
  return phase === "connecting" || phase === "active";
}

function reduceShare(share: ShareState, event: ShareEvent): ShareState {
  switch (event.type) {
    case "captureOpening":
      return share.phase === "off" ? { phase: "opening" } : share;
    case "captureFailed":
      return { phase: "off", problem: event.problem };
    case "captureClosed":
      return { phase: "off", problem: null };
    case "captureOpened": {
      const { stream, camera, microphone, problem } = event;
      const opened = { stream, camera, microphone, problem };
      return share.phase === "onAir" ? { ...share, ...opened } : { phase: "ready", ...opened };
    }
    default:
      return share.phase === "ready" || share.phase === "onAir"
        ? reduceOpened(share, event)
        : share;
  }
}

function reduceOpened(
  share: Extract<ShareState, { phase: "ready" | "onAir" }>,
  event: Exclude<
    ShareEvent,
    { type: "captureOpening" | "captureFailed" | "captureClosed" | "captureOpened" }
  >,
): ShareState {
  const { stream, camera, microphone } = share;
  switch (event.type) {
    case "onAir":
      return { phase: "onAir", stream, camera, microphone, problem: null, viewers: 0 };
    case "offAir":
      return { phase: "ready", stream, camera, microphone, problem: event.problem };
    case "viewersChanged":
      return share.phase === "onAir" ? { ...share, viewers: event.viewers } : share;
  }
}

function inOrder(producers: readonly Listed[]): Listed[] {
  return [...producers].sort(
    (a, b) => peerName(a).localeCompare(peerName(b)) || a.id.localeCompare(b.id),
  );
}
