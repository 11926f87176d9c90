// Plays the tones of ringing. Owns the page's AudioContext; knows nothing of calls.

import { cycle, type Tone } from "../lib/tones.ts";
import { hearContext } from "./speaker.svelte.ts";

const GESTURES = ["pointerdown", "keydown"] as const;

export class Ringer {
  #context: AudioContext | null = null;
  #playing: { readonly tone: Tone; readonly source: AudioBufferSourceNode } | null = null;

  constructor() {
    // A page may be heard only after its user did something on it.
    for (const gesture of GESTURES) {
      globalThis.addEventListener(gesture, () => this.#unlock(), { capture: true, passive: true });
    }
  }

  /** This tone, over and over, instead of the last one; null is silence. */
  play(tone: Tone | null): void {
    if (this.#playing?.tone === tone) return;
    this.#playing?.source.stop();
    this.#playing = null;
    if (tone === null) {
      void this.#context?.suspend();
      return;
    }
    const context = (this.#context ??= new AudioContext());
    hearContext(context);
    const source = loop(context, tone);
    this.#playing = { tone, source };
    void context.resume();
    source.start();
  }

  #unlock(): void {
    const context = (this.#context ??= new AudioContext());
    if (context.state !== "suspended") return;
    // Some browsers count only a resume within the gesture; without a tone there is nothing to hear.
    void context.resume().then(() => (this.#playing ? undefined : context.suspend()));
  }
}

function loop(context: AudioContext, tone: Tone): AudioBufferSourceNode {
  const samples = cycle(tone, context.sampleRate);
  const buffer = context.createBuffer(1, samples.length, context.sampleRate);
  buffer.copyToChannel(samples, 0);
  const source = new AudioBufferSourceNode(context, { buffer, loop: true });
  source.connect(context.destination);
  return source;
}
