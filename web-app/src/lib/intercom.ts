// The app without its looks: turns what the user does into signalling and media, and everything
// that happens into events for the reducer. Touches no DOM.

import { Accounts, type Registration } from "./accounts.ts";
import * as capture from "./capture.ts";
import { canSend, type VideoCodec } from "./codecs.ts";
import { Login } from "./login.ts";
import type { Input, Media } from "./call.ts";
import { History, type PastCall } from "./history.ts";
import type { Capture } from "./problem.ts";
import { load, save, type Settings } from "./settings.ts";
import { Share } from "./share.ts";
import { Signalling } from "./signalling.ts";
import type { SocketState } from "./socket.ts";
import { initial, isBack, isIn, reduce, type Event, type State } from "./state.ts";
import { Watch, type Target } from "./watch.ts";

export type Listener = (state: State, before: State) => void;

export class Intercom {
  readonly #listener: Listener;
  readonly #login: Login;
  readonly #history = new History();
  readonly #signalling: Signalling;
  #state = initial;
  #settings: Settings;
  /** By their keys. */
  readonly #watches = new Map<string, Watch>();
  #lastWatch = 0;
  #share: Share | null = null;
  /** Counts requests to open devices: only the last one counts. */
  #opening = 0;

  constructor(url: string, listener: Listener) {
    this.#listener = listener;
    this.#settings = load(localStorage);
    this.#login = new Login(new Accounts(), (event) => this.#dispatch(event));
    this.#signalling = new Signalling(url, {
      socketChanged: (socket) => void this.#socketChanged(socket),
      registered: (peerId) => this.#registered(peerId),
      producersChanged: (producers) => {
        this.#dispatch({ type: "producersChanged", producers });
        for (const watch of this.#watches.values()) watch.producersChanged(producers);
      },
      accountsChanged: (accounts) => this.#dispatch({ type: "accountsChanged", accounts }),
      called: () => undefined,
      callStands: () => undefined,
      sessionRequested: (peerId, sessionId, offer) =>
        this.#share?.admit(peerId, sessionId, offer) ?? null,
      announceRefused: (details) => this.#offAir({ kind: "requestRefused", details }),
      failed: (details) =>
        this.#dispatch({ type: "complained", problem: { kind: "requestRefused", details } }),
    });
  }

  get settings(): Settings {
    return this.#settings;
  }

  start(): void {
    void this.#login.start();
    globalThis.addEventListener("online", () => this.retryNow());
    navigator.mediaDevices?.addEventListener("devicechange", () => void this.#devicesChanged());
    void this.#listDevices();
  }

  retryNow(): void {
    if (this.#state.session.phase === "asking") void this.#login.start();
    else this.#signalling.retryNow();
  }

  logIn(name: string, password: string): void {
    void this.#login.logIn(name, password);
  }

  register(registration: Registration): void {
    void this.#login.register(registration);
  }

  logOut(): void {
    void this.#login.logOut();
  }

  /** Shows a guest the form. */
  wantLogin(): void {
    this.#dispatch({ type: "loginWanted" });
  }

  enterAsGuest(): void {
    this.#dispatch({ type: "guestEntered" });
  }

  remember(settings: Partial<Settings>): void {
    this.#settings = { ...this.#settings, ...settings };
    save(localStorage, this.#settings);
  }

  /** Watches one producer more, or one that is watched already from the beginning. */
  watch(target: Target): void {
    const watched = this.#state.watches.find((one) => one.target.peerId === target.peerId);
    const key = watched?.key ?? `watch-${(this.#lastWatch += 1)}`;
    this.#watches.get(key)?.stop();
    this.#dispatch({ type: "watchStarted", key, target });
    const watch: Watch = new Watch(this.#signalling, target, {
      changed: (target, status) => {
        if (this.#watches.get(key) === watch) {
          this.#dispatch({ type: "watchChanged", key, target, status });
        }
      },
      streamChanged: (stream) => {
        if (this.#watches.get(key) === watch) this.#dispatch({ type: "watchStream", key, stream });
      },
    });
    this.#watches.set(key, watch);
    watch.start();
  }

  /** Watches it no longer; the key is that of `state.watches`. */
  unwatch(key: string): void {
    this.#watches.get(key)?.stop();
    this.#watches.delete(key);
    this.#dispatch({ type: "watchStopped", key });
  }

  /** Rings an account; `media` is what one wants to send. Camera and microphone open meanwhile. */
  call(_name: string, _media: Media): void {
    throw new Error("not yet");
  }

  /** Answers who rings, with a picture or with sound only. */
  accept(_video: boolean): void {
    throw new Error("not yet");
  }

  /** Refuses who rings. */
  reject(_reason: "rejected" | "busy" = "rejected"): void {
    throw new Error("not yet");
  }

  /** Ends the call, or gives up ringing. */
  hangUp(): void {
    throw new Error("not yet");
  }

  /** Shows no longer how the last call ended. */
  dismissCall(): void {
    throw new Error("not yet");
  }

  /** Another camera or microphone, also in a call and on air; "" is the default, null is none. */
  async switchDevice(_input: "camera" | "microphone", _id: string | null): Promise<void> {
    throw new Error("not yet");
  }

  /** In a call, shows the screen in place of the camera, or the camera again. */
  async shareScreen(_on: boolean): Promise<void> {
    throw new Error("not yet");
  }

  /** Calls of this account that are over; see `History.page`. */
  async history(before: number | null = null): Promise<PastCall[] | null> {
    return this.#history.page(before);
  }

  /** Whoever looks at the history has seen what was missed. */
  markMissedSeen(): void {
    throw new Error("not yet");
  }

  /** Opens the chosen camera and microphone, or others while they are open. */
  async openCapture(): Promise<void> {
    const turn = ++this.#opening;
    this.#dispatch({ type: "captureOpening" });
    const { share } = this.#state;
    // Many a camera cannot be opened twice, not even by the same page.
    if ("stream" in share) stopTracks(share.stream);
    const captured = await capture.open(this.#settings);
    if (turn !== this.#opening) {
      if (captured.ok) stopTracks(captured.stream);
      return;
    }
    if (captured.ok) await this.#opened(captured.stream, captured.problem);
    else this.#captureFailed(captured.problem);
    await this.#listDevices();
  }

  closeCapture(): void {
    this.#opening += 1;
    const { share } = this.#state;
    this.#share?.stop();
    this.#share = null;
    if ("stream" in share) stopTracks(share.stream);
    this.#dispatch({ type: "captureClosed" });
  }

  goOnAir(name: string): void {
    const { share } = this.#state;
    if (share.phase !== "ready") return;
    const production = { name, codec: this.#settings.codec };
    this.#share = new Share(this.#signalling, share.stream, production, {
      viewersChanged: (viewers) => this.#dispatch({ type: "viewersChanged", viewers }),
    });
    this.#dispatch({ type: "onAir" });
    this.#share.start();
  }

  toggle(input: "camera" | "microphone"): void {
    const { share } = this.#state;
    if (!("stream" in share) || share[input] === "absent") return;
    const to: Input = share[input] === "on" ? "paused" : "on";
    for (const track of tracksOf(share.stream, input)) track.enabled = to === "on";
    this.#dispatch({ type: "inputChanged", input, to });
  }

  codecs(): VideoCodec[] {
    const available = RTCRtpSender.getCapabilities("video")?.codecs ?? [];
    return (["VP8", "H264"] as const).filter((codec) => canSend(available, codec));
  }

  /** Without a login there is no WebSocket: then it is time to see whether there still is one. */
  async #socketChanged(socket: SocketState): Promise<void> {
    if (socket.phase === "refused" && socket.refusal.status === 401) await this.#login.look();
    if (isIn(this.#state)) this.#dispatch({ type: "socketChanged", socket });
  }

  #registered(peerId: string): void {
    this.#dispatch({ type: "registered", peerId });
    for (const watch of this.#watches.values()) watch.signallingBack();
  }

  #offAir(problem: Extract<Event, { type: "offAir" }>["problem"]): void {
    this.#share?.stop();
    this.#share = null;
    this.#dispatch({ type: "offAir", problem });
  }

  async #opened(stream: MediaStream, problem: capture.Captured["problem"]): Promise<void> {
    for (const track of stream.getTracks()) {
      track.addEventListener("ended", () => this.#trackEnded(stream, track));
    }
    const camera = this.#take("camera", stream);
    const microphone = this.#take("microphone", stream);
    this.#dispatch({ type: "captureOpened", stream, camera, microphone, problem });
    await this.#share?.useStream(stream);
  }

  /** What was paused stays paused in a newly opened stream. */
  #take(input: "camera" | "microphone", stream: MediaStream): Input {
    const tracks = tracksOf(stream, input);
    if (tracks.length === 0) return "absent";
    const { share } = this.#state;
    const paused = "stream" in share && share[input] === "paused";
    for (const track of tracks) track.enabled = !paused;
    return paused ? "paused" : "on";
  }

  #captureFailed(problem: Extract<Event, { type: "captureFailed" }>["problem"]): void {
    this.#share?.stop();
    this.#share = null;
    this.#dispatch({ type: "captureFailed", problem });
  }

  /** Only a device that goes away ends a track by itself. */
  #trackEnded(stream: MediaStream, track: MediaStreamTrack): void {
    const { share } = this.#state;
    if (!("stream" in share) || share.stream !== stream) return;
    const what: Capture = track.kind === "video" ? "camera" : "microphone";
    this.#dispatch({ type: "captureTrouble", problem: { kind: "captureLost", what } });
  }

  async #devicesChanged(): Promise<void> {
    await this.#listDevices();
    const { share, devices } = this.#state;
    if ("stream" in share && isBack(share, this.#settings, devices)) await this.openCapture();
  }

  async #listDevices(): Promise<void> {
    this.#dispatch({ type: "devicesChanged", devices: await capture.listDevices() });
  }

  #dispatch(event: Event): void {
    const before = this.#state;
    this.#state = reduce(before, event);
    if (this.#state === before) return;
    this.#listener(this.#state, before);
    if (isIn(this.#state) && !isIn(before)) this.#signalling.start();
    if (isIn(before) && !isIn(this.#state)) this.#leave(before);
  }

  /** Watches and sends nothing any more, and asks for nothing. */
  #leave({ share }: State): void {
    this.#opening += 1;
    for (const watch of this.#watches.values()) watch.stop();
    this.#watches.clear();
    this.#share?.stop();
    this.#share = null;
    if ("stream" in share) stopTracks(share.stream);
    this.#signalling.stop();
  }
}

function stopTracks(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}

function tracksOf(stream: MediaStream, input: "camera" | "microphone"): MediaStreamTrack[] {
  return input === "camera" ? stream.getVideoTracks() : stream.getAudioTracks();
}
