// Calls that are over, as one looks back at them. Pure.

import { PAGE, type PastCall } from "./history.ts";

export type Outcome =
  | "incoming"
  | "outgoing"
  | "missed"
  | "refused"
  | "notReached"
  | "busy"
  | "cancelled"
  | "elsewhere"
  | "failed";

export interface Day {
  /** When the latest of its calls began, ms since the epoch. */
  readonly began: number;
  /** The latest first. */
  readonly calls: readonly PastCall[];
}

/** What the server told of them, page by page. */
export interface Pages {
  /** The latest first, without a gap. */
  readonly calls: readonly PastCall[];
  readonly hasMore: boolean;
}

export function firstPage(calls: readonly PastCall[]): Pages {
  return { calls, hasMore: calls.length === PAGE };
}

/** The latest are others now; the rest stays, unless so many are new that there is a gap. */
export function withLatest(pages: Pages, latest: readonly PastCall[]): Pages {
  const end = pages.calls.findIndex(({ id }) => id === latest.at(-1)?.id);
  if (end === -1) return firstPage(latest);
  return { ...pages, calls: [...latest, ...pages.calls.slice(end + 1)] };
}

export function withEarlier({ calls }: Pages, earlier: readonly PastCall[]): Pages {
  return { calls: [...calls, ...earlier], hasMore: earlier.length === PAGE };
}

export function directionOf({ caller }: PastCall, own: string): "incoming" | "outgoing" {
  return caller === own ? "outgoing" : "incoming";
}

/** What became of a call of the account `own`. */
export function outcome(call: PastCall, own: string): Outcome {
  const direction = directionOf(call, own);
  // It was accepted, and there was nothing to hear.
  if (call.reason === "incompatible") return "failed";
  if (call.talkedMs !== null) return direction;
  return direction === "outgoing" ? unanswered(call) : unattended(call);
}

/** The latest day first, as the calls come; days are those of this place. */
export function byDay(calls: readonly PastCall[]): Day[] {
  const days: { began: number; calls: PastCall[] }[] = [];
  for (const call of calls) {
    const last = days.at(-1);
    if (last && isSameDay(last.began, call.began)) last.calls.push(call);
    else days.push({ began: call.began, calls: [call] });
  }
  return days;
}

function unanswered({ reason }: PastCall): Outcome {
  switch (reason) {
    case "rejected":
      return "refused";
    case "busy":
      return "busy";
    case "cancelled":
    case "hangup":
      return "cancelled";
    case "noAnswer":
      return "notReached";
    default:
      return "failed";
  }
}

/** As the server counts what was missed. */
function unattended({ reason }: PastCall): Outcome {
  switch (reason) {
    case "rejected":
      return "refused";
    case "answeredElsewhere":
      return "elsewhere";
    default:
      return "missed";
  }
}

function isSameDay(a: number, b: number): boolean {
  return new Date(a).toDateString() === new Date(b).toDateString();
}
