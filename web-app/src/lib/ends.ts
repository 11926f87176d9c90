// How a call ended, in words. Pure.

import { ends } from "../i18n/phrases/calls.ts";
import type { Translate } from "../i18n/index.ts";
import type { EndedCall, EndReason } from "./call.ts";
import { describeCode, type Words } from "./words.ts";

/** `name` is what the other side is called. The advice is empty where there is none to give. */
export function describeEnd(t: Translate, call: EndedCall, name: string): Words {
  const { end } = call;
  if (end.kind === "refused") {
    const title = t(ends.refused, { name });
    return { title, advice: describeCode(t, end.code, end.details) };
  }
  return { title: title(t, end.reason, call, name), advice: advice(t, end.reason, name) };
}

function title(
  t: Translate,
  reason: EndReason,
  { outgoing, talked }: EndedCall,
  name: string,
): string {
  switch (reason) {
    case "hangup":
    case "answeredElsewhere":
    case "disconnected":
    case "mediaFailed":
    case "loggedOut":
    case "incompatible":
      return t(ends[reason]);
    case "rejected":
      return outgoing ? t(ends.rejected, { name }) : t(ends.refusedByUs);
    case "busy":
    case "noAnswer":
      return t(outgoing ? ends[reason] : ends.missed, { name });
    case "cancelled":
      return outgoing || talked !== null ? t(ends.cancelled) : t(ends.missed, { name });
  }
}

function advice(t: Translate, reason: EndReason, name: string): string {
  switch (reason) {
    case "disconnected":
      return t(ends.disconnectedAdvice);
    case "mediaFailed":
      return t(ends.mediaFailedAdvice);
    case "loggedOut":
      return t(ends.loggedOutAdvice);
    case "incompatible":
      return t(ends.incompatibleAdvice, { name });
    default:
      return "";
  }
}
