// The app's state as Svelte sees it.

import type { EndedCall } from "../lib/call.ts";
import { Intercom } from "../lib/intercom.ts";
import { announcement } from "../lib/announcements.ts";
import { defaults, type Settings } from "../lib/settings.ts";
import { initial, type State } from "../lib/state.ts";
import { speak, t } from "./language.svelte.ts";
import { useSpeaker } from "./speaker.svelte.ts";
import { paint } from "./theme.ts";

export class Store {
  state: State = $state.raw(initial);
  /** What a screen reader is to say next. */
  said = $state("");
  settings: Settings = $state.raw(defaults);
  readonly intercom: Intercom;

  constructor(url: string) {
    this.intercom = new Intercom(url, (state, before) => {
      this.state = state;
      const words = announcement(t, before, state);
      if (words !== null) this.said = words;
    });
    this.remember({});
  }

  /** It rings, or somebody talks. */
  get isInCall(): boolean {
    const { phase } = this.state.call;
    return phase !== "idle" && phase !== "ended";
  }

  /** A call covers the page, until one has read how it ended; unless nobody here had a part in it. */
  get isCallShown(): boolean {
    const { call } = this.state;
    return this.isInCall || (call.phase === "ended" && hadPart(call));
  }

  /** Calls an account, with what there is of camera and microphone; or, unseen, without the former. */
  ring(name: string, seen = true): void {
    const { camera, microphone } = this.settings;
    this.intercom.call(name, { video: seen && camera !== null, audio: microphone !== null });
  }

  /** For the next visit, too. */
  remember(settings: Partial<Settings>): void {
    this.intercom.remember(settings);
    this.settings = this.intercom.settings;
    speak(this.settings.language);
    paint(this.settings.theme);
    useSpeaker(this.settings.speaker);
  }
}

function hadPart({ outgoing, talked, end }: EndedCall): boolean {
  // Who was told that it cannot be had taken it.
  const isTaken = talked !== null || (end.kind === "ended" && end.reason === "incompatible");
  return outgoing || isTaken;
}
