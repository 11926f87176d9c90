// This browser's camera, microphone and screen, for whoever needs them: going on air, and a call.
// Opens each device once, and closes it when nobody needs it. Touches no DOM.

import type { Input, Own } from "./call.ts";
import * as capture from "./capture.ts";
import type { CaptureChoice } from "./capture.ts";
import { captureProblem, type Problem } from "./problem.ts";

export type Use = "air" | "call";

/** What is needed of it. */
export interface Need {
  readonly camera: boolean;
  readonly microphone: boolean;
}

export interface StudioEvents {
  /** Other tracks, others that are paused, or a problem. */
  changed(): void;
  /** The devices are about to be closed: clones of their tracks would keep them open. */
  releasing(): void;
}

export class Studio {
  readonly #settings: () => CaptureChoice;
  readonly #events: StudioEvents;
  readonly #needs = new Map<Use, Need>();
  #opened: CaptureChoice = { camera: null, microphone: null };
  #tracks: readonly MediaStreamTrack[] = [];
  #screen: MediaStreamTrack | null = null;
  #stream: MediaStream | null = null;
  #paused = { camera: false, microphone: false };
  #problem: Problem | null = null;
  /** Counts requests to open devices: only the last one counts. */
  #turn = 0;

  constructor(settings: () => CaptureChoice, events: StudioEvents) {
    this.#settings = settings;
    this.#events = events;
  }

  /** All that is open. */
  get own(): Own {
    return {
      stream: this.#stream,
      camera: this.#input("camera"),
      microphone: this.#input("microphone"),
      screen: this.#screen !== null,
      problem: this.#problem,
    };
  }

  /** The same as one use of it sees it. */
  ownFor(use: Use): Own {
    const need = this.#needs.get(use);
    if (!need) return { ...this.own, camera: "absent", microphone: "absent", screen: false };
    const own = this.own;
    const camera = need.camera || this.#screen ? own.camera : "absent";
    return { ...own, camera, microphone: need.microphone ? own.microphone : "absent" };
  }

  need(use: Use): Need | null {
    return this.#needs.get(use) ?? null;
  }

  /** Opens what is needed now, and closes what is not any more; null is nothing. */
  async use(use: Use, need: Need | null): Promise<void> {
    if (need) this.#needs.set(use, need);
    else this.#needs.delete(use);
    // The screen was shown in a call, and goes with it.
    if (this.#screen && !this.#needs.has("call")) this.#dropScreen();
    if (this.#needs.size === 0) this.#close();
    else await this.#open(false);
  }

  /** Opens others, or the same once more, if anything is open. */
  async reopen(): Promise<void> {
    if (this.#needs.size > 0) await this.#open(true);
  }

  /** Sends black or silence, or no longer. */
  toggle(input: "camera" | "microphone"): void {
    this.#paused = { ...this.#paused, [input]: !this.#paused[input] };
    this.#enable();
    this.#events.changed();
  }

  /** Shows the screen in place of the camera; false when the user did not want to after all. */
  async shareScreen(isOn: boolean): Promise<boolean> {
    const screen = isOn ? await askForScreen() : null;
    this.#screen?.stop();
    this.#screen = screen;
    screen?.addEventListener("ended", () => {
      if (this.#screen === screen) this.#dropScreen();
    });
    // The call may have ended while the browser asked.
    if (this.#needs.has("call")) this.#compose();
    else this.#dropScreen();
    return (this.#screen !== null) === isOn;
  }

  async #open(again: boolean): Promise<void> {
    const choice = this.#choice();
    const { camera, microphone } = this.#opened;
    const isOpen = choice.camera === camera && choice.microphone === microphone;
    if (isOpen && !again) {
      this.#events.changed();
      return;
    }
    const turn = (this.#turn += 1);
    this.#release();
    this.#opened = choice;
    const isNothing = choice.camera === null && choice.microphone === null;
    const captured = isNothing ? null : await capture.open(choice);
    if (turn !== this.#turn) {
      if (captured?.ok) for (const track of captured.stream.getTracks()) track.stop();
      return;
    }
    this.#tracks = captured?.ok ? captured.stream.getTracks() : [];
    this.#problem = captured?.problem ?? null;
    for (const track of this.#tracks) {
      track.addEventListener("ended", () => this.#trackEnded(track));
    }
    this.#compose();
  }

  #choice(): CaptureChoice {
    const { camera, microphone } = this.#settings();
    const needs = [...this.#needs.values()];
    return {
      camera: needs.some((need) => need.camera) ? camera : null,
      microphone: needs.some((need) => need.microphone) ? microphone : null,
    };
  }

  #dropScreen(): void {
    this.#screen?.stop();
    this.#screen = null;
    this.#compose();
  }

  /** Many a camera cannot be opened twice, not even by the same page. */
  #release(): void {
    this.#events.releasing();
    for (const track of this.#tracks) track.stop();
    this.#tracks = [];
  }

  #close(): void {
    this.#turn += 1;
    this.#release();
    this.#screen?.stop();
    this.#screen = null;
    this.#stream = null;
    this.#problem = null;
    this.#opened = { camera: null, microphone: null };
    this.#paused = { camera: false, microphone: false };
    this.#events.changed();
  }

  #compose(): void {
    const sound = this.#tracks.filter(({ kind }) => kind === "audio");
    const camera = this.#tracks.filter(({ kind }) => kind === "video");
    const tracks = [...(this.#screen ? [this.#screen] : camera), ...sound];
    this.#stream = tracks.length > 0 ? new MediaStream(tracks) : null;
    this.#enable();
    this.#events.changed();
  }

  #enable(): void {
    for (const track of this.#stream?.getTracks() ?? []) {
      const input = track.kind === "video" ? "camera" : "microphone";
      track.enabled = track === this.#screen || !this.#paused[input];
    }
  }

  #input(input: "camera" | "microphone"): Input {
    const kind = input === "camera" ? "video" : "audio";
    const isThere = this.#stream?.getTracks().some((track) => track.kind === kind) ?? false;
    if (!isThere) return "absent";
    if (input === "camera" && this.#screen) return "on";
    return this.#paused[input] ? "paused" : "on";
  }

  /** Only a device that goes away ends a track by itself. */
  #trackEnded(track: MediaStreamTrack): void {
    if (!this.#tracks.includes(track)) return;
    this.#problem = {
      kind: "captureLost",
      what: track.kind === "video" ? "camera" : "microphone",
    };
    this.#events.changed();
  }
}

/** Null when the user does not choose one. */
async function askForScreen(): Promise<MediaStreamTrack | null> {
  try {
    const stream = await navigator.mediaDevices.getDisplayMedia({ video: true, audio: false });
    return stream.getVideoTracks()[0] ?? null;
  } catch (error) {
    console.info("the screen is not shown:", captureProblem(error, "camera").kind);
    return null;
  }
}
