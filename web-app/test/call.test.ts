import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  idle,
  nothing,
  reduceCall,
  remembered,
  type CallEvent,
  type CallState,
} from "../src/lib/call.ts";
import type { CallNotice, CallRequest, CallView } from "../src/lib/extension.ts";
import { parseServerMessage, type ServerMessage } from "../src/lib/messages.ts";

const both = { audio: true, video: true };
const sound = { audio: true, video: false };
const stream = {} as MediaStream;

describe("a call", () => {
  it("is placed, rings, is accepted, plays and is hung up", () => {
    const caller = new Caller();
    caller.does({ type: "placed", to: "door", media: both, free: true });
    expect(caller.said()).toEqual([{ type: "offerCall", to: "door", media: both }]);
    caller.hears({ type: "callRinging", callId: "c", to: "door" }, 10);
    expect(caller.call).toMatchObject({ phase: "ringingOut", callId: "c", since: 10 });
    caller.hears({ type: "callAccepted", callId: "c", from: "door", media: both }, 20);
    expect(caller.call).toMatchObject({ phase: "connecting", with: "door", since: 20 });
    caller.does({ type: "attached", peerId: "me" });
    caller.does({ type: "attached", peerId: "me" });
    expect(caller.said()).toEqual([{ type: "attachPeer", callId: "c", peerId: "me" }]);
    caller.hears({ type: "callPeer", callId: "c", peerId: "door-1" });
    expect(caller.call).toMatchObject({ peers: ["door-1"] });
    caller.does({ type: "received", stream });
    caller.does({ type: "judged", live: true, unstable: false, problem: null });
    expect(caller.call).toMatchObject({ phase: "active", stream });
    caller.does({ type: "hungUp", reason: "hangup", now: 1_020 });
    expect(caller.said()).toEqual([{ type: "endCall", callId: "c", reason: "hangup" }]);
    const end = { kind: "ended", reason: "hangup" };
    expect(caller.call).toMatchObject({ phase: "ended", outgoing: true, end, talked: 1_000 });
    caller.hears({ type: "callEnded", callId: "c", reason: "hangup" });
    expect(caller.call).toMatchObject({ end });
    caller.does({ type: "dismissed" });
    expect(caller.call).toEqual(idle);
  });

  it("without a picture is offered so, and so is the next one", () => {
    const caller = new Caller();
    caller.does({ type: "placed", to: "door", media: sound, free: true });
    expect(caller.said()).toEqual([{ type: "offerCall", to: "door", media: sound }]);
    caller.hears({ type: "callRinging", callId: "c", to: "door" });
    const own = { ...nothing, stream, microphone: "on" } as const;
    caller.does({ type: "ownChanged", own });
    caller.hears({ type: "callEnded", callId: "c", reason: "rejected" });
    expect(caller.call).toMatchObject({ phase: "ended", seen: false });
    const shown = new Caller().talking();
    shown.does({ type: "hungUp", reason: "hangup", now: 0 });
    expect(shown.call).toMatchObject({ phase: "ended", seen: true });
    const hidden = new Caller().rung();
    hidden.does({ type: "answered", media: sound });
    hidden.hears({ type: "callEnded", callId: "c", reason: "cancelled" });
    expect(hidden.call).toMatchObject({ phase: "ended", seen: false });
    const missed = new Caller().rung();
    missed.hears({ type: "callEnded", callId: "c", reason: "cancelled" });
    expect(missed.call).toMatchObject({ phase: "ended", seen: true });
  });

  it("is over when whoever rang gives up while it is being accepted", () => {
    const callee = new Caller().rung();
    callee.does({ type: "answered", media: sound });
    callee.does({ type: "answered", media: both });
    expect(callee.said()).toEqual([
      { type: "answerCall", callId: "c", accept: true, media: sound },
    ]);
    callee.hears({ type: "callEnded", callId: "c", reason: "cancelled" });
    callee.hears({ type: "callAccepted", callId: "c", from: "door", media: both });
    callee.does({ type: "answerRefused", callId: "c", now: 0 });
    expect(callee.call).toMatchObject({ phase: "ended", end: { reason: "cancelled" } });
  });

  it("is over when another device of the account was first", () => {
    const callee = new Caller().rung();
    callee.hears({ type: "callEnded", callId: "c", reason: "answeredElsewhere" });
    expect(callee.call).toMatchObject({ phase: "ended", talked: null });
    callee.does({ type: "answered", media: both });
    expect(callee.said()).toEqual([]);
  });

  it("does not ring for ever where nobody can say how it ended", () => {
    const callee = new Caller().rung();
    callee.does({ type: "rangOut" });
    expect(callee.call).toMatchObject({ phase: "ended", end: { reason: "noAnswer" } });
    expect(callee.said()).toEqual([]);
    const caller = new Caller();
    caller.does({ type: "placed", to: "door", media: both, free: true });
    caller.hears({ type: "callRinging", callId: "c", to: "door" });
    caller.said();
    caller.does({ type: "rangOut" });
    expect(caller.call).toMatchObject({ phase: "ended", end: { reason: "noAnswer" } });
    expect(caller.said()).toEqual([{ type: "endCall", callId: "c", reason: "hangup" }]);
    for (const answered of [new Caller().rung(), new Caller().talking()]) {
      answered.does({ type: "answered", media: both });
      const { call } = answered;
      answered.does({ type: "rangOut" });
      expect(answered.call).toBe(call);
    }
  });

  it("is refused in the server's words when there is none", () => {
    const caller = new Caller();
    caller.does({ type: "placed", to: "door", media: both, free: true });
    caller.does({ type: "offerRefused", code: "busy", details: "door is in a call" });
    const end = { kind: "refused", code: "busy", details: "door is in a call" };
    expect(caller.call).toMatchObject({ phase: "ended", callId: null, end });
    expect(caller.said()).toHaveLength(1);
  });

  it("given up before it rings is ended as soon as it does", () => {
    const caller = new Caller();
    caller.does({ type: "placed", to: "door", media: both, free: true });
    caller.does({ type: "hungUp", reason: "hangup", now: 0 });
    expect(caller.said()).toHaveLength(1);
    caller.hears({ type: "callRinging", callId: "c", to: "door" });
    expect(caller.said()).toEqual([{ type: "endCall", callId: "c", reason: "hangup" }]);
    expect(caller.call).toMatchObject({ phase: "ended", end: { reason: "cancelled" } });
  });

  it("waits for the one before, which was given up before it rang", () => {
    const gaveUp = (): Caller => {
      const caller = new Caller();
      caller.does({ type: "placed", to: "door", media: both, free: true });
      caller.does({ type: "hungUp", reason: "hangup", now: 0 });
      caller.does({ type: "placed", to: "gate", media: sound, free: false });
      expect(caller.said()).toEqual([{ type: "offerCall", to: "door", media: both }]);
      return caller;
    };
    const offer = { type: "offerCall", to: "gate", media: sound };
    const rang = gaveUp();
    rang.hears({ type: "callRinging", callId: "c", to: "door" });
    const end = { type: "endCall", callId: "c", reason: "hangup" };
    expect(rang.said()).toEqual([end, offer]);
    rang.hears({ type: "callEnded", callId: "c", reason: "cancelled" });
    rang.hears({ type: "callRinging", callId: "d", to: "gate" });
    expect(rang.call).toMatchObject({ phase: "ringingOut", callId: "d", with: "gate" });
    const refused = gaveUp();
    refused.does({ type: "offerRefused", code: "busy", details: "" });
    expect(refused.said()).toEqual([offer]);
    refused.does({ type: "offerRefused", code: "busy", details: "" });
    expect(refused.call).toMatchObject({ phase: "ended", with: "gate", end: { code: "busy" } });
    const twice = gaveUp();
    twice.does({ type: "hungUp", reason: "hangup", now: 0 });
    twice.hears({ type: "callRinging", callId: "c", to: "door" });
    expect(twice.said()).toEqual([end]);
    expect(twice.call).toMatchObject({ phase: "ended", with: "gate" });
  });

  it("waits for the server, and rings nowhere when it is given up meanwhile", () => {
    const caller = new Caller();
    caller.does({ type: "placed", to: "door", media: both, free: false });
    expect(caller.call).toMatchObject({ phase: "ringingOut", callId: null });
    expect(caller.said()).toEqual([]);
    caller.does({ type: "lineFree" });
    caller.does({ type: "lineFree" });
    expect(caller.said()).toEqual([{ type: "offerCall", to: "door", media: both }]);
    const other = new Caller();
    other.does({ type: "placed", to: "door", media: both, free: false });
    other.does({ type: "hungUp", reason: "hangup", now: 0 });
    other.does({ type: "lineFree" });
    expect(other.said()).toEqual([]);
    expect(other.call).toMatchObject({ phase: "ended", end: { reason: "cancelled" } });
    const lost = new Caller();
    lost.does({ type: "placed", to: "door", media: both, free: false });
    lost.does({ type: "rangOut" });
    expect(lost.call).toMatchObject({ end: { kind: "refused", code: "disconnected" } });
  });

  it("cannot be placed while there is one", () => {
    const callee = new Caller().rung();
    callee.does({ type: "placed", to: "gate", media: both, free: true });
    expect(callee.call).toMatchObject({ phase: "ringingIn", with: "door" });
    expect(callee.said()).toEqual([]);
  });

  it("tells the other side what it gets, once that is known, and not while devices open", () => {
    const caller = new Caller().talking();
    const own = { ...nothing, stream, camera: "on", microphone: "on" } as const;
    caller.does({ type: "ownChanged", own: nothing });
    caller.does({ type: "ownChanged", own });
    expect(caller.said()).toEqual([]);
    caller.does({ type: "ownChanged", own: { ...own, microphone: "paused" } });
    caller.does({ type: "ownChanged", own: { ...own, microphone: "paused" } });
    const media = { audio: false, video: true };
    expect(caller.said()).toEqual([{ type: "updateCall", callId: "c", media }]);
    const problem = { kind: "captureDenied", what: "both" } as const;
    caller.does({ type: "ownChanged", own: { ...nothing, problem } });
    const none = { audio: false, video: false };
    expect(caller.said()).toEqual([{ type: "updateCall", callId: "c", media: none }]);
  });

  it("waits for nothing where the other side sends nothing", () => {
    const caller = new Caller();
    caller.does({ type: "placed", to: "door", media: both, free: true });
    caller.hears({ type: "callRinging", callId: "c", to: "door" });
    const media = { audio: false, video: false };
    caller.hears({ type: "callAccepted", callId: "c", from: "door", media });
    expect(caller.call.phase).toBe("active");
  });

  it("ignores what belongs to another one", () => {
    const caller = new Caller().talking();
    const before = caller.call;
    for (const notice of [
      { type: "callEnded", callId: "x", reason: "hangup" },
      { type: "callAway", callId: "x" },
      { type: "callPeer", callId: "x", peerId: "p" },
      { type: "callUpdated", callId: "x", media: sound },
    ] as const) {
      caller.hears(notice);
    }
    expect(caller.call).toBe(before);
  });
});

describe("after a new beginning", () => {
  const view: CallView = {
    callId: "c",
    with: "door",
    outgoing: true,
    stage: "held",
    media: sound,
    peers: ["door-2"],
    connected: false,
  };

  it("a call goes on as the server knows it, and hears again what it may have missed", () => {
    const caller = new Caller().talking();
    caller.does({ type: "attached", peerId: "me" });
    caller.said();
    caller.does({ type: "stands", view, now: 0 });
    expect(caller.call).toMatchObject({ theirs: sound, peers: ["door-2"], away: true });
    expect(caller.said()).toEqual([
      { type: "attachPeer", callId: "c", peerId: "me" },
      { type: "updateCall", callId: "c", media: both },
    ]);
  });

  it("a call that the server does not know is over", () => {
    const caller = new Caller().talking();
    caller.does({ type: "stands", view: null, now: 60 });
    const end = { kind: "ended", reason: "disconnected" };
    expect(caller.call).toMatchObject({ phase: "ended", end, talked: 60 });
  });

  it("a call that was hung up meanwhile is ended there, too", () => {
    const caller = new Caller().talking();
    caller.does({ type: "hungUp", reason: "hangup", now: 0 });
    caller.said();
    caller.does({ type: "stands", view, now: 0 });
    expect(caller.said()).toEqual([{ type: "endCall", callId: "c", reason: "hangup" }]);
    expect(caller.call).toMatchObject({ phase: "ended", end: { reason: "hangup" } });
  });

  it("a call that was offered is found ringing, and one that was answered is answered again", () => {
    const caller = new Caller();
    caller.does({ type: "placed", to: "door", media: both, free: true });
    caller.does({ type: "stands", view: { ...view, stage: "ringing" }, now: 5 });
    expect(caller.call).toMatchObject({ phase: "ringingOut", callId: "c", since: 5 });
    const callee = new Caller().rung();
    callee.does({ type: "answered", media: sound });
    callee.said();
    callee.does({ type: "stands", view: { ...view, outgoing: false, stage: "ringing" }, now: 0 });
    expect(callee.said()).toEqual([
      { type: "answerCall", callId: "c", accept: true, media: sound },
    ]);
  });

  it("a call that was offered and is not there is over, and another one is what it is", () => {
    const lost = new Caller();
    lost.does({ type: "placed", to: "gate", media: both, free: true });
    lost.said();
    lost.does({ type: "stands", view: { ...view, stage: "ringing" }, now: 0 });
    expect(lost.call).toMatchObject({ phase: "ended", with: "gate", callId: null });
    expect(lost.said()).toEqual([{ type: "endCall", callId: "c", reason: "hangup" }]);
    const crossed = new Caller();
    crossed.does({ type: "placed", to: "door", media: both, free: true });
    crossed.said();
    const ringing = { ...view, outgoing: false, stage: "ringing" } as const;
    crossed.does({ type: "stands", view: ringing, now: 0 });
    expect(crossed.call).toMatchObject({ phase: "ringingIn", callId: "c", with: "door" });
    expect(crossed.said()).toEqual([]);
  });

  it("a call that waits is placed if there is room for it, and else the line is busy", () => {
    const waiting = (): Caller => {
      const caller = new Caller();
      caller.does({ type: "placed", to: "gate", media: sound, free: false });
      return caller;
    };
    const offer = { type: "offerCall", to: "gate", media: sound };
    const free = waiting();
    free.does({ type: "stands", view: null, now: 0 });
    expect(free.said()).toEqual([offer]);
    const before = waiting();
    before.does({ type: "stands", view: { ...view, stage: "ringing" }, now: 0 });
    expect(before.said()).toEqual([{ type: "endCall", callId: "c", reason: "hangup" }, offer]);
    expect(before.call).toMatchObject({ phase: "ringingOut", with: "gate" });
    const taken = waiting();
    taken.does({ type: "stands", view: { ...view, stage: "elsewhere" }, now: 0 });
    const end = { kind: "refused", code: "busy" };
    expect(taken.call).toMatchObject({ phase: "ended", with: "gate", end });
    expect(taken.said()).toEqual([]);
  });

  it("a call that rings is heard of, one that was refused is not, one elsewhere is over", () => {
    const ringing = { ...view, outgoing: false, stage: "ringing" } as const;
    const callee = new Caller();
    callee.does({ type: "stands", view: ringing, now: 0 });
    expect(callee.call).toMatchObject({ phase: "ringingIn", with: "door" });
    callee.does({ type: "rejected", reason: "rejected" });
    callee.said();
    callee.does({ type: "stands", view: ringing, now: 0 });
    expect(callee.said()).toEqual([{ type: "endCall", callId: "c", reason: "hangup" }]);
    const other = new Caller().rung();
    other.does({ type: "stands", view: { ...view, stage: "elsewhere" }, now: 0 });
    expect(other.call).toMatchObject({ phase: "ended", end: { reason: "answeredElsewhere" } });
  });
});

describe("a call that is over here", () => {
  const end = { type: "endCall", callId: "c", reason: "hangup" };
  const view = (stage: CallView["stage"], outgoing = false): CallView => {
    const rest = { callId: "c", with: "door", media: both, peers: [], connected: true };
    return { ...rest, stage, outgoing };
  };

  it.each(["ringing", "held"] as const)("and %s at the server is ended there, too", (stage) => {
    const refused = new Caller().rung();
    refused.does({ type: "rejected", reason: "rejected" });
    refused.does({ type: "dismissed" });
    refused.said();
    refused.does({ type: "stands", view: view(stage), now: 0 });
    expect([refused.call, refused.said()]).toEqual([idle, [end]]);
  });

  it("does not come back as the next one with the same account", () => {
    const caller = new Caller().talking();
    caller.does({ type: "hungUp", reason: "hangup", now: 0 });
    caller.does({ type: "placed", to: "door", media: sound, free: true });
    caller.said();
    caller.does({ type: "stands", view: view("held", true), now: 0 });
    expect(caller.call).toMatchObject({ phase: "ended", callId: null });
    expect(caller.said()).toEqual([end]);
    const waiting = new Caller().talking();
    waiting.does({ type: "hungUp", reason: "hangup", now: 0 });
    waiting.does({ type: "placed", to: "door", media: sound, free: false });
    waiting.said();
    waiting.does({ type: "stands", view: view("held", true), now: 0 });
    expect(waiting.call).toMatchObject({ phase: "ringingOut", callId: null });
    expect(waiting.said()).toEqual([end, { type: "offerCall", to: "door", media: sound }]);
  });

  it("goes on where another device of the account took it", () => {
    const callee = new Caller().rung();
    callee.hears({ type: "callEnded", callId: "c", reason: "answeredElsewhere" });
    callee.does({ type: "dismissed" });
    callee.does({ type: "stands", view: view("elsewhere"), now: 0 });
    expect([callee.call, callee.said()]).toEqual([idle, []]);
  });

  it("is forgotten after many others", () => {
    const caller = new Caller();
    for (let count = 0; count < 100; count += 1) {
      caller.hears({ type: "incomingCall", callId: `${count}`, from: "door", media: both });
      caller.hears({ type: "callEnded", callId: `${count}`, reason: "cancelled" });
    }
    expect(caller.past).toHaveLength(32);
    expect(caller.past.at(-1)).toBe("99");
  });
});

describe("the recorded exchanges", () => {
  const DIR = new URL("../../vectors/intercom/", import.meta.url);
  const NAMES = readdirSync(DIR).map((file) => file.replace(/\.json$/, ""));

  it.each(NAMES)("%s leaves every end where the server has it", (name) => {
    for (const [end, call] of replay(name))
      expect.soft({ end, call }).toMatchObject(left(name, end));
  });

  it("have an end for every notice of a call", () => {
    const heard = NAMES.flatMap((name) => steps(name).map(({ hear }) => hear?.type));
    const notices = ["callRinging", "incomingCall", "callAccepted", "callPeer", "callPeerGone"];
    const others = ["callUpdated", "callAway", "callBack", "callEnded", "snapshot"];
    for (const type of [...notices, ...others]) expect(heard).toContain(type);
  });

  /** Where an exchange leaves an end; where nothing is said, without a call. */
  function left(name: string, end: string): object {
    const calls: Record<string, Record<string, object>> = {
      "offer-call": { door: { phase: "ringingOut" }, phone: { phase: "ringingIn" } },
      "answer-call": talk({ theirs: sound }, { theirs: both }),
      "attach-peer": talk({}, { peers: [] }),
      "start-session-in-call": talk({ attached: "$door" }, { peers: ["$door"] }),
      "call-away": talk({ away: false }, {}),
      "update-call": talk({ theirs: { audio: false, video: false } }, {}),
      "resume-reset": talk({ away: false }, { theirs: both, peers: [], away: false }),
      "end-call": over("hangup"),
      "end-call-cancel": over("cancelled"),
      "answer-call-reject": over("busy"),
      logout: { door: { phase: "ended", end: { reason: "loggedOut" } }, phone: { with: "door" } },
      "hello-calls": { phone: refused("notCallable") },
      "offer-call-refused": { phone: refused("oneself") },
      "answered-elsewhere": {
        ...talk({}, {}),
        tablet: { phase: "ended", end: { reason: "answeredElsewhere" } },
      },
    };
    return { end, call: calls[name]?.[end] ?? idle };
  }

  function talk(door: object, phone: object): Record<string, object> {
    return {
      door: { with: "phone", outgoing: true, ...door },
      phone: { with: "door", outgoing: false, ...phone },
    };
  }

  function refused(code: string): object {
    return { phase: "ended", callId: null, end: { kind: "refused", code } };
  }

  function over(reason: string): Record<string, object> {
    const ended = { phase: "ended", end: { kind: "ended", reason } };
    return { door: ended, phone: ended };
  }

  function steps(name: string): Step[] {
    const text = readFileSync(new URL(`${name}.json`, DIR), "utf8");
    return (JSON.parse(text) as { steps: Step[] }).steps;
  }

  /** What each end makes of what it says and hears; it says just what was recorded. */
  function replay(name: string): Map<string, CallState> {
    const ends = new Map<string, Caller>();
    for (const { from, send, to, hear } of steps(name)) {
      const who = from ?? to;
      if (who === undefined) continue;
      const end = ends.get(who) ?? new Caller();
      ends.set(who, end);
      if (send) end.says(send);
      if (hear) end.reads(parseServerMessage(JSON.stringify(hear)).message);
    }
    return new Map([...ends].map(([who, { call }]) => [who, call]));
  }
});

interface Step {
  readonly from?: string;
  readonly to?: string;
  readonly send?: { readonly type: string; readonly [field: string]: unknown };
  readonly hear?: { readonly type: string };
}

/** One end. */
class Caller {
  call: CallState = idle;
  past: readonly string[] = [];
  #said: CallRequest[] = [];

  does(event: CallEvent): void {
    const step = reduceCall(this.call, event, this.past);
    this.past = remembered(this.past, this.call, step);
    this.call = step.call;
    this.#said.push(...step.say);
  }

  hears(notice: CallNotice, now = 0): void {
    this.does({ type: "heard", notice, now });
  }

  /** What was said since the last look. */
  said(): CallRequest[] {
    return this.#said.splice(0);
  }

  rung(): this {
    this.hears({ type: "incomingCall", callId: "c", from: "door", media: both });
    return this;
  }

  talking(): this {
    this.does({ type: "placed", to: "door", media: both, free: true });
    this.hears({ type: "callRinging", callId: "c", to: "door" });
    this.hears({ type: "callAccepted", callId: "c", from: "door", media: both });
    this.#said = [];
    return this;
  }

  /** What the user does for this to be said; and it is said. */
  says({ type, ...fields }: NonNullable<Step["send"]>): void {
    const event = this.#wish(type, fields);
    if (!event) return;
    this.does(event);
    const { id: _, ...message } = { type, ...fields } as Record<string, unknown>;
    expect(this.said()).toContainEqual(expect.objectContaining(message));
  }

  reads(message: ServerMessage): void {
    switch (message.type) {
      case "callRinging":
      case "incomingCall":
      case "callAccepted":
      case "callPeer":
      case "callPeerGone":
      case "callUpdated":
      case "callAway":
      case "callBack":
      case "callEnded":
        this.hears(message);
        break;
      case "snapshot":
        this.does({ type: "stands", view: message.call, now: 0 });
        break;
      case "error":
        this.does({ type: "offerRefused", code: message.code ?? "", details: message.details });
    }
  }

  #wish(type: string, fields: Record<string, unknown>): CallEvent | null {
    const media = fields["media"] as typeof both;
    switch (type) {
      case "offerCall":
        return { type: "placed", to: String(fields["to"]), media, free: true };
      case "answerCall":
        return fields["accept"] === true
          ? { type: "answered", media }
          : { type: "rejected", reason: fields["reason"] as "busy" };
      case "endCall":
        return { type: "hungUp", reason: "hangup", now: 0 };
      case "attachPeer":
        return { type: "attached", peerId: String(fields["peerId"]) };
      case "updateCall": {
        const input = (on: boolean): "on" | "paused" => (on ? "on" : "paused");
        const [camera, microphone] = [input(media.video), input(media.audio)];
        return { type: "ownChanged", own: { ...nothing, stream, camera, microphone } };
      }
      default:
        return null;
    }
  }
}
