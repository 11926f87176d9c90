// Whether this browser is in: as whom, or what it has to do for that. A pure reducer.

import type { Account, Rules, Visit } from "./accounts.ts";
import type { Problem } from "./problem.ts";
import type { SocketState } from "./socket.ts";

export type SessionState =
  /** Not known yet; `retryAt` (ms since the epoch) while the server cannot be reached. */
  | { readonly phase: "asking"; readonly retryAt: number | null }
  /** Before the form; `busy` while the server looks at what was written there. */
  | {
      readonly phase: "out";
      readonly rules: Rules;
      readonly busy: boolean;
      readonly problem: Problem | null;
    }
  /** Without an account, a guest. */
  | {
      readonly phase: "in";
      readonly rules: Rules;
      readonly account: Account | null;
    };

export type SessionEvent =
  | { readonly type: "serverAway"; readonly retryAt: number }
  | { readonly type: "visited"; readonly visit: Visit }
  /** A guest wants to log in, or somebody at the form wants to be a guest. */
  | { readonly type: "loginWanted" }
  | { readonly type: "guestEntered" }
  | { readonly type: "loginStarted" }
  | { readonly type: "loginFailed"; readonly problem: Problem }
  | { readonly type: "loggedOut" };

export const unknown: SessionState = { phase: "asking", retryAt: null };

export function reduceSession(session: SessionState, event: SessionEvent): SessionState {
  if (event.type === "visited") return visited(session, event.visit);
  switch (session.phase) {
    case "asking":
      return event.type === "serverAway" ? { ...session, retryAt: event.retryAt } : session;
    case "out":
      return reduceOut(session, event);
    case "in":
      return reduceIn(session, event);
  }
}

/** The way to the server: while nobody is in, there is no socket. */
export function connection(session: SessionState, socket: SocketState): SocketState {
  if (session.phase !== "asking" || session.retryAt === null) return socket;
  return { phase: "waiting", retryAt: session.retryAt };
}

export function mayRegister({ registration }: Rules): boolean {
  return registration !== "closed";
}

export function mayBeGuest({ guests }: Rules): boolean {
  return guests !== "deny";
}

function visited(session: SessionState, { rules, account }: Visit): SessionState {
  if (account !== null) return { phase: "in", rules, account };
  const wasLoggedIn = session.phase === "in" && session.account !== null;
  if (wasLoggedIn) return form(rules, { kind: "sessionEnded" });
  return mayBeGuest(rules) ? { phase: "in", rules, account } : form(rules, null);
}

function reduceOut(
  session: Extract<SessionState, { phase: "out" }>,
  event: SessionEvent,
): SessionState {
  switch (event.type) {
    case "loginStarted":
      return { ...session, busy: true, problem: null };
    case "loginFailed":
      return form(session.rules, event.problem);
    case "guestEntered": {
      // The server is asked to let somebody in: that somebody would come as a guest, too.
      const { rules, busy } = session;
      return mayBeGuest(rules) && !busy ? { phase: "in", rules, account: null } : session;
    }
    default:
      return session;
  }
}

function reduceIn(
  session: Extract<SessionState, { phase: "in" }>,
  event: SessionEvent,
): SessionState {
  switch (event.type) {
    case "loginWanted":
      return session.account === null ? form(session.rules, null) : session;
    case "loggedOut":
      return form(session.rules, null);
    default:
      return session;
  }
}

function form(rules: Rules, problem: Problem | null): SessionState {
  return { phase: "out", rules, busy: false, problem };
}
