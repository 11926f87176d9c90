// The app without its looks: turns what the user does into signalling and media, and everything
// that happens into events for the reducer. Touches no DOM.

import { Accounts, type Registration } from "./accounts.ts";
import { isTalking, type CallState, type Media } from "./call.ts";
import * as capture from "./capture.ts";
import { canSend, type VideoCodec } from "./codecs.ts";
import type { CallNotice } from "./extension.ts";
import { History, type PastCall, type Which } from "./history.ts";
import { Login } from "./login.ts";
import { isMissed, look, lookedAt } from "./missed.ts";
import { Phone } from "./phone.ts";
import { isOnAir } from "./roster.ts";
import { CALL, SENT } from "./quality.ts";
import { load, save, type Settings } from "./settings.ts";
import { Share, type OnAir } from "./share.ts";
import { Signalling } from "./signalling.ts";
import type { SocketState } from "./socket.ts";
import { initial, isBack, isIn, reduce, type Event, type State } from "./state.ts";
import { Studio, type Use } from "./studio.ts";
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
  readonly #studio: Studio;
  readonly #share: Share;
  readonly #phone: Phone;
  #air: OnAir | null = null;
  /** How many times somebody looked at what was missed. */
  #looks = 0;
  /** What was heard of it last. */
  #socket: SocketState | null = null;

  constructor(url: string, listener: Listener) {
    this.#listener = listener;
    this.#settings = load(localStorage);
    this.#login = new Login(new Accounts(), (event) => this.#dispatch(event));
    this.#signalling = new Signalling(url, {
      socketChanged: (socket) => void this.#socketChanged(socket),
      registered: (peerId) => this.#registered(peerId),
      producersChanged: (all) => {
        const producers = all.filter(isOnAir);
        this.#dispatch({ type: "producersChanged", producers });
        for (const watch of this.#watches.values()) watch.producersChanged(producers);
      },
      accountsChanged: (accounts) => this.#dispatch({ type: "accountsChanged", accounts }),
      resumed: () => this.#phone.resumed(),
      called: (notice) => this.#called(notice),
      callStands: (view) => this.#phone.stands(view),
      sessionRequested: (...request) => this.#share.admit(...request),
      announceRefused: (details) => this.#offAir({ kind: "requestRefused", details }),
      failed: (details) =>
        this.#dispatch({ type: "complained", problem: { kind: "requestRefused", details } }),
    });
    this.#share = new Share(this.#signalling, {
      viewersChanged: (viewers) => this.#dispatch({ type: "viewersChanged", viewers }),
      measured: (stats) => this.#dispatch({ type: "callMeasured", key: SENT, stats }),
    });
    this.#studio = new Studio(() => this.#settings, {
      changed: () => this.#studioChanged(),
    });
    this.#phone = new Phone(this.#signalling, this.#studio, {
      changed: (call, before) => this.#callChanged(call, before),
      measured: (stats) => this.#dispatch({ type: "callMeasured", key: CALL, stats }),
    });
  }

  get settings(): Settings {
    return this.#settings;
  }

  start(): void {
    void this.#login.start();
    globalThis.addEventListener("online", () => this.retryNow());
    globalThis.addEventListener("pagehide", () => this.#hide());
    globalThis.addEventListener("pageshow", ({ persisted }) => {
      if (persisted && isIn(this.#state)) this.#comeBack();
    });
    navigator.mediaDevices?.addEventListener("devicechange", () => void this.#devicesChanged());
    void this.#listDevices();
  }

  retryNow(): void {
    if (this.#state.session.phase === "asking") void this.#login.start();
    else this.#signalling.retryNow();
    this.#signalling.check();
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
  call(name: string, media: Media): void {
    this.#phone.place(name, media);
  }

  /** Answers who rings, with a picture or with sound only. */
  accept(video: boolean): void {
    this.#phone.answer({ audio: true, video });
  }

  /** Refuses who rings. */
  reject(reason: "rejected" | "busy" = "rejected"): void {
    this.#phone.reject(reason);
  }

  /** Ends the call, or gives up ringing. */
  hangUp(): void {
    this.#phone.hangUp();
  }

  /** Shows no longer how the last call ended. */
  dismissCall(): void {
    this.#phone.dismiss();
  }

  /** Another camera or microphone, also in a call and on air; "" is the default, null is none. */
  async switchDevice(input: "camera" | "microphone", id: string | null): Promise<void> {
    this.remember({ [input]: id });
    await this.#studio.reopen();
    await this.#listDevices();
  }

  /** In a call, shows the screen in place of the camera, or the camera again. */
  async shareScreen(on: boolean): Promise<void> {
    await this.#studio.shareScreen(on);
  }

  /** Calls of this account that are over; see `History.page`. */
  async history(which: Which): Promise<PastCall[] | null> {
    return this.#history.page(which);
  }

  /** Whoever looks at the history has seen what was missed. */
  markMissedSeen(): void {
    const account = this.#account;
    if (account === null) return;
    this.#looks += 1;
    look(localStorage, account, Date.now());
    this.#dispatch({ type: "missedChanged", missed: 0 });
  }

  /** Opens the chosen camera and microphone, or others while they are open. */
  async openCapture(): Promise<void> {
    this.#dispatch({ type: "captureOpening" });
    if (this.#studio.need("air")) await this.#studio.reopen();
    else await this.#studio.use("air", { camera: true, microphone: true });
    await this.#listDevices();
  }

  closeCapture(): void {
    this.#air = null;
    this.#dispatch({ type: "captureClosed" });
    void this.#studio.use("air", null);
  }

  goOnAir(name: string): void {
    if (this.#state.share.phase !== "ready") return;
    this.#air = { name };
    this.#dispatch({ type: "onAir" });
    void this.#produce();
  }

  /** Sends black or silence there, or no longer; in a call, also what was not sent so far. */
  toggle(use: Use, input: "camera" | "microphone"): void {
    const need = use === "call" ? this.#studio.need(use) : null;
    const isMissing = need !== null && this.#studio.ownFor(use)[input] === "absent";
    if (isMissing) void this.#studio.use(use, { ...need, [input]: true });
    else this.#studio.toggle(use, input);
  }

  codecs(): VideoCodec[] {
    const available = RTCRtpSender.getCapabilities("video")?.codecs ?? [];
    return (["VP8", "H264"] as const).filter((codec) => canSend(available, codec));
  }

  /** Without a login there is no WebSocket: then it is time to see whether there still is one. */
  async #socketChanged(socket: SocketState): Promise<void> {
    this.#socket = socket;
    if (socket.phase === "refused" && socket.refusal.status === 401) await this.#login.look();
    // The answer may have been slow, and the socket something else since.
    if (socket !== this.#socket) return;
    if (isIn(this.#state)) this.#dispatch({ type: "socketChanged", socket });
    if (socket.phase === "cut") this.#endAll();
  }

  /** Somebody in charge has closed the connection: nothing may go on without it. */
  #endAll(): void {
    for (const key of [...this.#watches.keys()]) this.unwatch(key);
    if (this.#air) this.closeCapture();
    this.#phone.leave();
    this.#dispatch({ type: "complained", problem: { kind: "cut" } });
  }

  #registered(peerId: string): void {
    this.#dispatch({ type: "registered", peerId });
    for (const watch of this.#watches.values()) watch.signallingBack();
    this.#phone.signallingBack();
    void this.#countMissed();
  }

  #offAir(problem: Extract<Event, { type: "offAir" }>["problem"]): void {
    this.#air = null;
    this.#dispatch({ type: "offAir", problem });
    void this.#produce();
  }

  #called(notice: CallNotice): void {
    this.#phone.heard(notice);
    if (notice.type === "callEnded") this.#dispatch({ type: "callOver" });
  }

  #callChanged(call: CallState, before: CallState): void {
    this.#dispatch({ type: "callChanged", call });
    if (isTalking(call) !== isTalking(before)) void this.#produce();
    const wasRinging = before.phase === "ringingIn" && !before.answered;
    if (wasRinging && call.phase === "ended" && isMissed(call)) {
      // The server may not have written it down yet.
      this.#dispatch({ type: "missedChanged", missed: this.#state.missed + 1 });
    }
  }

  #studioChanged(): void {
    if (this.#studio.need("air") && !this.#studio.isOpening) this.#captured();
    this.#phone.ownChanged();
    void this.#produce();
  }

  /** What there is for going on air. */
  #captured(): void {
    const { stream, camera, microphone, problem } = this.#studio.ownFor("air");
    if (stream) {
      this.#dispatch({ type: "captureOpened", stream, camera, microphone, problem });
      return;
    }
    this.#air = null;
    const absent = { kind: "captureAbsent", what: "both" } as const;
    this.#dispatch({ type: "captureFailed", problem: problem ?? absent });
    void this.#studio.use("air", null);
  }

  /** Sends what is on air and what belongs into the call, and to nobody else. */
  async #produce(): Promise<void> {
    const { call } = this.#phone;
    const tracks = this.#tracksOf("call");
    const done = this.#share.produce({
      air: this.#air && { ...this.#air, tracks: this.#tracksOf("air") },
      call: isTalking(call) ? { id: call.callId, tracks } : null,
      codec: this.#settings.codec,
    });
    const carries = isTalking(call) && tracks.length > 0;
    this.#phone.attach(carries ? this.#signalling.peerId : null);
    await done;
  }

  #tracksOf(use: Use): MediaStreamTrack[] {
    return this.#studio.ownFor(use).stream?.getTracks() ?? [];
  }

  async #countMissed(): Promise<void> {
    const account = this.#account;
    if (account === null) return;
    const looks = this.#looks;
    const missed = await this.#history.missed(lookedAt(localStorage, account, Date.now()));
    // Somebody may have looked meanwhile.
    if (missed && this.#account === account && this.#looks === looks) {
      this.#dispatch({ type: "missedChanged", missed: missed.length });
    }
  }

  get #account(): string | null {
    const { session } = this.#state;
    return session.phase === "in" ? (session.account?.name ?? null) : null;
  }

  async #devicesChanged(): Promise<void> {
    await this.#listDevices();
    if (isBack(this.#studio, this.#settings, this.#state.devices)) await this.#studio.reopen();
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
    if (isIn(before) && !isIn(this.#state)) this.#leave();
  }

  /** Watches and sends nothing any more, and asks for nothing. */
  #leave(): void {
    for (const watch of this.#watches.values()) watch.stop();
    this.#watches.clear();
    this.#phone.leave();
    this.#air = null;
    void this.#studio.use("air", null);
    this.#signalling.stop();
  }

  /** The tab is closed, or another page takes its place: nobody has to wait for us. */
  #hide(): void {
    this.#phone.leave();
    this.#signalling.stop();
  }

  /** The browser had kept the page as it was: on air, if it was. */
  #comeBack(): void {
    this.#signalling.start();
    void this.#produce();
  }
}
