// What a screen reader says about a change of the state. Pure.

import type { Translate } from "../i18n/index.ts";
import { announcements } from "../i18n/phrases/announcements.ts";
import { watching } from "../i18n/phrases/watching.ts";
import { peerName, type Listed } from "./messages.ts";
import type { SessionState } from "./session.ts";
import type { ShareState, State, Watched } from "./state.ts";
import { describeProblem } from "./words.ts";

/** What is to be said after a change; null is nothing. */
export function announcement(t: Translate, before: State, after: State): string | null {
  return (
    announceSession(t, before.session, after.session) ??
    announceWatches(t, before.watches, after.watches) ??
    announceShare(t, before.share, after.share) ??
    announceConnection(t, before, after) ??
    announceProducers(t, before.producers, after.producers)
  );
}

function announceSession(t: Translate, before: SessionState, after: SessionState): string | null {
  if (after.phase === "in" && after.account && before.phase === "out") {
    return t(announcements.loggedIn, { name: after.account.name });
  }
  const isOut = before.phase === "in" && before.account && after.phase === "out";
  return isOut && !after.problem ? t(announcements.loggedOut) : null;
}

function announceWatches(
  t: Translate,
  before: readonly Watched[],
  after: readonly Watched[],
): string | null {
  if (before === after) return null;
  const stopped = before.find(({ key }) => !after.some((one) => one.key === key));
  const said = after.map((one) => {
    const was = before.find(({ key }) => key === one.key);
    return announceWatch(t, was, one);
  });
  const words = said.filter((one) => one !== null);
  if (stopped && words.length === 0) {
    return t(announcements.stopped, { name: stopped.target.name });
  }
  return words.length > 0 ? words.join(", ") : null;
}

function announceWatch(t: Translate, before: Watched | undefined, after: Watched): string | null {
  const { name } = after.target;
  const { phase } = after.status;
  if (phase === "connecting" && after.status.late) {
    return before?.status === after.status ? null : t(watching.late, { name });
  }
  if (before?.status.phase === phase) return null;
  switch (phase) {
    case "connecting":
      return t(announcements.connecting, { name });
    case "live":
      return t(announcements.watching, { name });
    case "interrupted":
    case "failed":
      return `${name}: ${describeProblem(t, after.status.problem).title}`;
  }
}

function announceShare(t: Translate, before: ShareState, after: ShareState): string | null {
  if (before.phase === after.phase) return null;
  if (after.phase === "onAir") return t(announcements.onAir);
  if (before.phase === "onAir") return t(announcements.offAir);
  return null;
}

function announceConnection(t: Translate, before: State, after: State): string | null {
  if (after.ownId !== null && before.ownId === null) return t(announcements.connected);
  const lost = before.socket.phase === "open" && after.socket.phase === "waiting";
  return lost ? t(announcements.unreachable) : null;
}

function announceProducers(
  t: Translate,
  before: readonly Listed[] | null,
  after: readonly Listed[] | null,
): string | null {
  if (before === null || after === null || before === after) return null;
  const came = after.filter((peer) => !before.some(({ id }) => id === peer.id)).map(peerName);
  const left = before.filter((peer) => !after.some(({ id }) => id === peer.id)).map(peerName);
  const parts = [
    ...came
      .filter((name) => !left.includes(name))
      .map((name) => t(announcements.cameOnAir, { name })),
    ...left
      .filter((name) => !came.includes(name))
      .map((name) => t(announcements.leftAir, { name })),
  ];
  return parts.length > 0 ? parts.join(", ") : null;
}
