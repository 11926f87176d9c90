// One request of a form: whether it is under way, and what came of it.

import type { Answer } from "../lib/api.ts";
import type { Problem } from "../lib/problem.ts";

export class Task {
  #reset = 0;
  busy = $state(false);
  done = $state(false);
  problem: Problem | null = $state.raw(null);

  /** Answers with what was asked for, or null; then `problem` says why. */
  async run<T>(request: () => Promise<Answer<T>>): Promise<{ readonly value: T } | null> {
    this.busy = true;
    this.reset();
    const mine = this.#reset;
    const answer = await request();
    this.busy = false;
    // Whoever went on meanwhile has something else before them.
    this.done = answer.ok && mine === this.#reset;
    if (answer.ok) return answer;
    this.problem = answer.problem;
    return null;
  }

  reset(): void {
    this.#reset += 1;
    this.done = false;
    this.problem = null;
  }
}
