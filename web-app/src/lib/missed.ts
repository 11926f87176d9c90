// Which calls count as missed, and since when: since somebody of this account last looked, in this
// browser.

import type { EndedCall, EndReason } from "./call.ts";

const KEY = "intercom.looked.";
/** Whoever has never looked is told of the last week. */
const WEEK_MS = 7 * 24 * 3600 * 1000;

/** Ms since the epoch, like `now`. */
export function lookedAt(storage: Pick<Storage, "getItem">, account: string, now: number): number {
  try {
    const looked = Number(storage.getItem(KEY + account));
    return looked > 0 && looked <= now ? looked : now - WEEK_MS;
  } catch {
    return now - WEEK_MS;
  }
}

export function look(storage: Pick<Storage, "setItem">, account: string, now: number): void {
  try {
    storage.setItem(KEY + account, String(now));
  } catch {
    console.info("missed calls count again: this browser does not store that they were seen");
  }
}

/** It rang here, and nobody took it or said no; as the server counts it. */
export function isMissed({ outgoing, talked, end }: EndedCall): boolean {
  if (outgoing || talked !== null || end.kind === "refused") return false;
  return !ATTENDED.includes(end.reason);
}

/** What only happens where somebody took it, or said no. */
const ATTENDED: readonly EndReason[] = ["rejected", "answeredElsewhere", "incompatible"];
