// The app's state as Svelte sees it.

import { Intercom } from "../lib/intercom.ts";
import { announcement } from "../lib/announcements.ts";
import { initial, type State } from "../lib/state.ts";
import { t } from "./language.svelte.ts";

export class Store {
  state: State = $state.raw(initial);
  /** What a screen reader is to say next. */
  said = $state("");
  readonly intercom: Intercom;

  constructor(url: string) {
    this.intercom = new Intercom(url, (state, before) => {
      this.state = state;
      const words = announcement(t, before, state);
      if (words !== null) this.said = words;
    });
  }
}
