// The way in: asks the server who we are until it answers, logs in, out, and registers.
// Tells the reducer what came of it; keeps nothing of what was written. Touches no DOM.

import type { Accounts, Registration } from "./accounts.ts";
import { backoff } from "./backoff.ts";
import type { Problem } from "./problem.ts";
import type { Event } from "./state.ts";

export class Login {
  readonly #accounts: Accounts;
  readonly #dispatch: (event: Event) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #asking = false;

  constructor(accounts: Accounts, dispatch: (event: Event) => void) {
    this.#accounts = accounts;
    this.#dispatch = dispatch;
  }

  /** Asks until the server says as whom we come, or at once if it is to be asked again later. */
  async start(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    clearTimeout(this.#timer);
    const answered = await this.look();
    this.#asking = false;
    if (answered) {
      this.#failures = 0;
      return;
    }
    const wait = backoff(this.#failures, Math.random());
    this.#failures += 1;
    this.#dispatch({ type: "serverAway", retryAt: Date.now() + wait });
    this.#timer = setTimeout(() => void this.start(), wait);
  }

  /** Asks once as whom we come; false when the server does not tell. */
  async look(): Promise<boolean> {
    const visit = await this.#accounts.visit();
    if (visit) this.#dispatch({ type: "visited", visit });
    return visit !== null;
  }

  async logIn(name: string, password: string): Promise<void> {
    await this.#enter(() => this.#accounts.logIn(name, password));
  }

  async register(registration: Registration): Promise<void> {
    await this.#enter(() => this.#accounts.register(registration));
  }

  async logOut(): Promise<void> {
    const problem = await this.#accounts.logOut();
    this.#dispatch(problem ? { type: "complained", problem } : { type: "loggedOut" });
  }

  /** Only the next request shows whether the browser has kept the cookie. */
  async #enter(attempt: () => Promise<Problem | null>): Promise<void> {
    this.#dispatch({ type: "loginStarted" });
    const problem = (await attempt()) ?? (await this.#check());
    if (problem) this.#dispatch({ type: "loginFailed", problem });
  }

  async #check(): Promise<Problem | null> {
    const visit = await this.#accounts.visit();
    if (!visit) return { kind: "serverAway" };
    if (!visit.account) return { kind: "loginLost" };
    this.#dispatch({ type: "visited", visit });
    return null;
  }
}
