import { describe, expect, it } from "vitest";
import { translator } from "../src/i18n/index.ts";
import { announcement } from "../src/lib/announcements.ts";
import type { Account, Rules } from "../src/lib/accounts.ts";
import { connection, type SessionState } from "../src/lib/session.ts";
import { initial, isIn, reduce, type Event, type State } from "../src/lib/state.ts";

const t = translator(() => "en");
const closed: Rules = { guests: "deny", registration: "closed" };
const open: Rules = { guests: "watch", registration: "open" };
const ann: Account = { name: "ann", kind: "user", label: null };
const wrong = { kind: "loginWrong" } as const;

describe("whoever comes", () => {
  it("with a login is in", () => {
    const { session } = play(visit(closed, ann)).state;
    expect(session).toEqual({ phase: "in", rules: closed, account: ann });
  });

  it("without one is a guest, where guests may come in", () => {
    expect(play(visit(open, null)).state.session).toMatchObject({ phase: "in", account: null });
    expect(play(visit(closed, null)).state.session).toEqual(form(closed));
  });

  it("to a server that is away sees when it is asked again", () => {
    const { session, socket } = play({ type: "serverAway", retryAt: 5 }).state;
    expect(connection(session, socket)).toEqual({ phase: "waiting", retryAt: 5 });
    expect(connection(form(closed), socket)).toBe(socket);
  });
});

describe("the form", () => {
  it("waits for the answer, says why not, and lets in", () => {
    const steps = [visit(closed, null), { type: "loginStarted" }] as const;
    expect(play(...steps).state.session).toEqual({ ...form(closed), busy: true });
    const failed = play(...steps, { type: "loginFailed", problem: wrong });
    expect(failed.state.session).toEqual({ ...form(closed), problem: wrong });
    const again = play(
      ...steps,
      { type: "loginFailed", problem: wrong },
      { type: "loginStarted" },
      visit(closed, ann),
    );
    expect(again.state.session).toMatchObject({ phase: "in", account: ann });
  });

  it("is there for guests who want it, and they may go back", () => {
    const wanted = play(visit(open, null), { type: "loginWanted" });
    expect(wanted.state.session).toEqual(form(open));
    const back = play(visit(open, null), { type: "loginWanted" }, { type: "guestEntered" });
    expect(back.state.session).toMatchObject({ phase: "in", account: null });
  });

  it("lets nobody in as a guest while the server lets them in by name", () => {
    const busy = [visit(open, null), { type: "loginWanted" }, { type: "loginStarted" }] as const;
    const guest = play(...busy, { type: "guestEntered" });
    expect(guest.state.session).toEqual({ ...form(open), busy: true });
    expect(play(...busy, { type: "guestEntered" }, visit(open, ann)).state.session).toMatchObject({
      account: ann,
    });
  });

  it("lets no guest pass where guests may not come in", () => {
    const { session } = play(visit(closed, null), { type: "guestEntered" }).state;
    expect(session).toEqual(form(closed));
  });
});

describe("whoever is no longer in", () => {
  const stream = {} as MediaStream;
  const busy: Event[] = [
    visit(closed, ann),
    { type: "registered", peerId: "me" },
    { type: "producersChanged", producers: [{ id: "1", meta: { name: "door" } }] },
    { type: "watchStarted", key: "watch-1", target: { peerId: "1", name: "door" } },
    { type: "captureOpened", stream, camera: "on", microphone: "on", problem: null },
    { type: "onAir" },
  ];

  it("after logging out stands before the form, with nothing left", () => {
    const { state } = play(...busy, { type: "loggedOut" });
    expect(state).toEqual({ ...initial, session: form(closed) });
  });

  it("is told so when the session was ended by somebody else, also where guests may come in", () => {
    for (const rules of [closed, open]) {
      const { state } = play(...busy, visit(rules, null));
      const session = { ...form(rules), problem: { kind: "sessionEnded" } };
      expect(state).toEqual({ ...initial, session });
    }
  });

  it("is not told so as a guest, who had none", () => {
    const { state } = play(visit(open, null), visit(closed, null));
    expect(state.session).toEqual(form(closed));
  });

  it("is still in when the server only answers again", () => {
    const before = play(...busy).state;
    const after = reduce(before, visit(closed, ann));
    expect(isIn(after)).toBe(true);
    expect({ ...after, session: before.session }).toEqual(before);
  });

  it("is still in when logging out failed, and sees why", () => {
    const { state } = play(...busy, { type: "complained", problem: { kind: "serverAway" } });
    expect(isIn(state)).toBe(true);
    expect(state.complaint).toEqual({ kind: "serverAway" });
  });
});

it("a screen reader hears of coming and going once; problems are alerts of their own", () => {
  const { said } = play(
    visit(closed, null),
    { type: "loginStarted" },
    visit(closed, ann),
    { type: "loggedOut" },
    visit(closed, ann),
    visit(closed, null),
  );
  expect(said).toEqual(["Logged in as ann", "Logged out", "Logged in as ann"]);
});

function visit(rules: Rules, account: Account | null): Event {
  return { type: "visited", visit: { rules, account } };
}

function form(rules: Rules): SessionState {
  return { phase: "out", rules, busy: false, problem: null };
}

function play(...events: Event[]): { state: State; said: string[] } {
  const said: string[] = [];
  const state = events.reduce((before, event) => {
    const after = reduce(before, event);
    const words = announcement(t, before, after);
    if (words !== null) said.push(words);
    return after;
  }, initial);
  return { state, said };
}
