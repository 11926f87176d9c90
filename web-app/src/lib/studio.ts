// This browser's camera, microphone and screen, for whoever needs them: going on air, and a call.
// Opens each device once, and closes it when nobody needs it. Each use has tracks of its own: what
// is muted or shown in a call is not muted or shown on air. Touches no DOM.

import { nothing, type Input, type Own } from "./call.ts";
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
}

/** What one use has. */
interface Part {
  need: Need;
  paused: Need;
  /** Clones of what is open, by the original. */
  clones: ReadonlyMap<MediaStreamTrack, MediaStreamTrack>;
  stream: MediaStream | null;
}

const NONE: CaptureChoice = { camera: null, microphone: null };

export class Studio {
  readonly #settings: () => CaptureChoice;
  readonly #events: StudioEvents;
  readonly #parts = new Map<Use, Part>();
  #opened = NONE;
  #tracks: readonly MediaStreamTrack[] = [];
  /** In place of the camera, and in the call alone. */
  #screen: MediaStreamTrack | null = null;
  #problem: Problem | null = null;
  /** Counts requests to open devices: only the last one counts. */
  #turn = 0;
  #isOpening = false;

  constructor(settings: () => CaptureChoice, events: StudioEvents) {
    this.#settings = settings;
    this.#events = events;
  }

  get problem(): Problem | null {
    return this.#problem;
  }

  /** The browser was asked for devices, and has not answered. */
  get isOpening(): boolean {
    return this.#isOpening;
  }

  /** What one use of it has. */
  ownFor(use: Use): Own {
    const part = this.#parts.get(use);
    if (!part) return { ...nothing, problem: this.#problem };
    return {
      stream: part.stream,
      camera: this.#screenOf(use) ? "on" : input(part, "camera"),
      microphone: input(part, "microphone"),
      screen: this.#screenOf(use) !== null,
      problem: this.#problem,
    };
  }

  need(use: Use): Need | null {
    return this.#parts.get(use)?.need ?? null;
  }

  /** Opens what is needed now, and closes what is not any more; null is nothing. */
  async use(use: Use, need: Need | null): Promise<void> {
    const part = this.#parts.get(use);
    if (need && part) part.need = need;
    else if (need) this.#parts.set(use, newPart(need));
    else if (part) this.#leave(use, part);
    if (this.#parts.size === 0) this.#close();
    else await this.#open(false);
  }

  /** Opens others, or the same once more, if anything is open. */
  async reopen(): Promise<void> {
    if (this.#parts.size > 0) await this.#open(true);
  }

  /** Sends black or silence there, or no longer. */
  toggle(use: Use, input: "camera" | "microphone"): void {
    const part = this.#parts.get(use);
    if (!part) return;
    part.paused = { ...part.paused, [input]: !part.paused[input] };
    pause(part);
    this.#events.changed();
  }

  /** Shows the screen in the call, in place of the camera; false when the user did not want to. */
  async shareScreen(isOn: boolean): Promise<boolean> {
    const call = this.#parts.get("call");
    const screen = isOn && call ? await askForScreen() : null;
    // The call may have ended while the browser asked, and another one begun.
    if (call !== this.#parts.get("call")) {
      screen?.stop();
      return false;
    }
    this.#screen?.stop();
    this.#screen = screen;
    screen?.addEventListener("ended", () => {
      if (this.#screen !== screen) return;
      this.#dropScreen();
      this.#compose();
    });
    this.#compose();
    return (this.#screen !== null) === isOn;
  }

  async #open(again: boolean): Promise<void> {
    const choice = this.#choice();
    const { camera, microphone } = this.#opened;
    const isOpen = choice.camera === camera && choice.microphone === microphone;
    if (isOpen && !again) {
      this.#compose();
      return;
    }
    const turn = (this.#turn += 1);
    this.#release();
    this.#opened = choice;
    this.#isOpening = true;
    const isNothing = choice.camera === null && choice.microphone === null;
    const captured = isNothing ? null : await capture.open(choice);
    if (turn !== this.#turn) {
      if (captured?.ok) for (const track of captured.stream.getTracks()) track.stop();
      return;
    }
    this.#isOpening = false;
    this.#tracks = captured?.ok ? captured.stream.getTracks() : [];
    this.#problem = captured?.problem ?? null;
    for (const track of this.#tracks) {
      track.addEventListener("ended", () => this.#trackEnded(track));
    }
    this.#compose();
  }

  #choice(): CaptureChoice {
    const { camera, microphone } = this.#settings();
    const needs = [...this.#parts.values()].map(({ need }) => need);
    return {
      camera: needs.some((need) => need.camera) ? camera : null,
      microphone: needs.some((need) => need.microphone) ? microphone : null,
    };
  }

  #leave(use: Use, part: Part): void {
    this.#parts.delete(use);
    letGo(part);
    if (use === "call") this.#dropScreen();
  }

  #dropScreen(): void {
    this.#screen?.stop();
    this.#screen = null;
  }

  /** Many a camera cannot be opened twice, not even by the same page; a clone keeps it open. */
  #release(): void {
    for (const part of this.#parts.values()) letGo(part);
    for (const track of this.#tracks) track.stop();
    this.#tracks = [];
  }

  #close(): void {
    this.#turn += 1;
    this.#isOpening = false;
    this.#release();
    this.#problem = null;
    this.#opened = NONE;
    this.#events.changed();
  }

  /** Until devices are open, whoever has a stream keeps it, if a dead one. */
  #compose(): void {
    for (const [use, part] of this.#isOpening ? [] : this.#parts) {
      part.clones = clones(part, this.#tracks);
      pause(part);
      part.stream = streamOf([...part.clones.values()], this.#screenOf(use), part.stream);
    }
    this.#events.changed();
  }

  #screenOf(use: Use): MediaStreamTrack | null {
    return use === "call" ? this.#screen : null;
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

function newPart(need: Need): Part {
  const paused = { camera: false, microphone: false };
  return { need, paused, clones: new Map(), stream: null };
}

function letGo(part: Part): void {
  for (const clone of part.clones.values()) clone.stop();
  part.clones = new Map();
}

function inputOf({ kind }: MediaStreamTrack): "camera" | "microphone" {
  return kind === "video" ? "camera" : "microphone";
}

/** Those that are there stay, so that nobody notices when another use begins. */
function clones(part: Part, tracks: readonly MediaStreamTrack[]): Part["clones"] {
  const wanted = tracks.filter((track) => part.need[inputOf(track)]);
  for (const [track, clone] of part.clones) if (!wanted.includes(track)) clone.stop();
  return new Map(wanted.map((track) => [track, part.clones.get(track) ?? track.clone()]));
}

function pause({ clones, paused }: Part): void {
  for (const clone of clones.values()) clone.enabled = !paused[inputOf(clone)];
}

/** The same one while it has the same tracks. */
function streamOf(
  clones: readonly MediaStreamTrack[],
  screen: MediaStreamTrack | null,
  before: MediaStream | null,
): MediaStream | null {
  const camera = clones.filter(({ kind }) => kind === "video");
  const sound = clones.filter(({ kind }) => kind === "audio");
  const tracks = [...(screen ? [screen] : camera), ...sound];
  const had = before?.getTracks() ?? [];
  const isSame = had.length === tracks.length && tracks.every((track) => had.includes(track));
  if (isSame) return before;
  return tracks.length > 0 ? new MediaStream(tracks) : null;
}

function input({ stream, paused }: Part, input: "camera" | "microphone"): Input {
  const isThere = stream?.getTracks().some((track) => inputOf(track) === input) ?? false;
  if (!isThere) return "absent";
  return paused[input] ? "paused" : "on";
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
