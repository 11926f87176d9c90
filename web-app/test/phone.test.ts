import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Phone } from "../src/lib/phone.ts";
import { Signalling } from "../src/lib/signalling.ts";
import { Studio } from "../src/lib/studio.ts";
import { FakeSocket } from "./fake-socket.ts";

const SOUND = { audio: true, video: false };

describe("a phone", () => {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal("navigator", {});
  });

  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it("calls somebody else at once, as soon as the call before is out of the way", async () => {
    const { phone, ...world } = await registered();
    phone.place("door", SOUND);
    const [offer] = world.calls();
    expect(offer).toMatchObject({ type: "offerCall", to: "door" });
    phone.hangUp();
    phone.place("gate", SOUND);
    expect(world.calls()).toEqual([]);
    world.server().say({ type: "callRinging", callId: "c", to: "door", id: offer?.id });
    expect(world.calls()).toMatchObject([
      { type: "endCall", callId: "c" },
      { type: "offerCall", to: "gate" },
    ]);
    world.server().say({ type: "callRinging", callId: "d", to: "gate" });
    expect(phone.call).toMatchObject({ phase: "ringingOut", callId: "d", with: "gate" });
  });

  it("calls somebody else after the refusal of the call before, whose words are nobody's", async () => {
    const { phone, ...world } = await registered();
    phone.place("door", SOUND);
    const [offer] = world.calls();
    phone.hangUp();
    phone.place("gate", SOUND);
    world.server().say({ type: "error", code: "busy", details: "no", id: offer?.id });
    const [next] = world.calls();
    expect(next).toMatchObject({ type: "offerCall", to: "gate" });
    expect(phone.call.phase).toBe("ringingOut");
    world.server().say({ type: "error", code: "busy", details: "no", id: next?.id });
    expect(phone.call).toMatchObject({ phase: "ended", end: { kind: "refused", code: "busy" } });
  });

  it("rings nowhere when the call was placed and given up without a server", async () => {
    const { phone, ...world } = await registered();
    await world.cut();
    phone.place("door", SOUND);
    phone.hangUp();
    await world.back(false);
    expect(world.calls()).toEqual([]);
    await world.cut();
    phone.place("door", SOUND);
    await world.back(false);
    expect(world.calls()).toMatchObject([{ type: "offerCall", to: "door" }]);
  });

  it("rings nowhere when the call was given up before the server heard of it", async () => {
    const { phone, ...world } = await registered();
    phone.place("door", SOUND);
    expect(world.calls()).toMatchObject([{ type: "offerCall", to: "door" }]);
    world.loses(1);
    phone.hangUp();
    await world.cut();
    await world.back(false);
    expect(world.calls()).toEqual([]);
    phone.place("gate", SOUND);
    const [offer] = world.calls();
    expect(offer).toMatchObject({ type: "offerCall", to: "gate" });
    world.loses(1);
    await world.cut();
    await world.back(false);
    expect(world.calls()).toEqual([offer]);
  });

  it("calls somebody else at once when the call before was never heard of", async () => {
    const { phone, ...world } = await registered();
    phone.place("door", SOUND);
    world.calls();
    world.loses(1);
    phone.hangUp();
    phone.place("gate", SOUND);
    await world.cut();
    await world.back(false);
    expect(world.calls()).toMatchObject([{ type: "offerCall", to: "gate" }]);
    expect(phone.call).toMatchObject({ phase: "ringingOut", with: "gate" });
  });

  it("hangs up before all else when the server had heard of the call that was given up", async () => {
    const { phone, ...world } = await registered();
    phone.place("door", SOUND);
    const [offer] = world.calls();
    phone.hangUp();
    await world.cut();
    await world.back(false);
    expect(world.calls()).toEqual([]);
    world.server().say({ type: "callRinging", callId: "c", to: "door", id: offer?.id });
    expect(world.calls()).toMatchObject([{ type: "endCall", callId: "c" }]);
  });

  it("waits for how things stand after a new beginning before it calls", async () => {
    const { phone, ...world } = await registered();
    await world.cut();
    phone.place("door", SOUND);
    await world.back(true);
    expect(world.calls()).toEqual([]);
    world.server().say({ type: "snapshot", accounts: [], call: null, sessions: [] });
    expect(world.calls()).toMatchObject([{ type: "offerCall", to: "door" }]);
  });

  it("says that a call that was hung up is over, whatever was shown since", async () => {
    const { phone, ...world } = await registered();
    world.server().say({ type: "incomingCall", callId: "c", from: "door", media: SOUND });
    phone.reject("rejected");
    phone.dismiss();
    world.calls();
    await world.cut();
    await world.back(true);
    const ringing = { callId: "c", with: "door", outgoing: false, stage: "ringing" };
    const call = { ...ringing, media: SOUND, peers: [], connected: true };
    world.server().say({ type: "snapshot", accounts: [], call, sessions: [] });
    expect(phone.call.phase).toBe("idle");
    expect(world.calls()).toMatchObject([{ type: "endCall", callId: "c" }]);
  });
});

interface Said {
  readonly type: string;
  readonly id?: number;
}

interface World {
  readonly phone: Phone;
  server(): FakeSocket;
  /** What was said of calls since the last look. */
  calls(): Said[];
  /** The last ones that were said never reached the server. */
  loses(count: number): void;
  cut(): Promise<void>;
  back(reset: boolean): Promise<void>;
}

/** A phone on a connection of which the test is the server. */
async function registered(): Promise<World> {
  let server = new FakeSocket();
  const nothing = (): void => undefined;
  const signalling: Signalling = new Signalling(
    "wss://door.local/ws",
    {
      socketChanged: nothing,
      registered: nothing,
      producersChanged: nothing,
      accountsChanged: nothing,
      sessionRequested: () => null,
      announceRefused: nothing,
      resumed: () => phone.resumed(),
      called: (notice) => phone.heard(notice),
      callStands: (view) => phone.stands(view),
      failed: nothing,
    },
    {
      open: () => (server = new FakeSocket()).asWebSocket(),
      probe: () => Promise.resolve(null),
      random: () => 0,
    },
    Promise.resolve("tab"),
  );
  const studio = new Studio(() => ({ camera: "", microphone: "" }), { changed: nothing });
  const phone = new Phone(signalling, studio, { changed: nothing, measured: nothing });
  let received = 0;
  const heard = (): Said[] => {
    const said = server.heard() as Said[];
    received += said.filter(({ type }) => type !== "hello" && type !== "ack").length;
    return said;
  };
  const open = async (): Promise<void> => {
    server.accept();
    await vi.advanceTimersByTimeAsync(0);
  };
  signalling.start();
  await open();
  heard();
  const welcome = { type: "welcome", peerId: "me", account: "ann", role: "user" };
  server.say({ ...welcome, resumeToken: "t", iceServers: [] });
  const of = ({ type }: Said): boolean => /Call$/.test(type);
  return {
    phone,
    server: () => server,
    calls: () => heard().filter(of),
    loses: (count) => {
      received -= count;
    },
    cut: async () => {
      heard();
      server.drop();
      signalling.retryNow();
      await open();
      heard();
    },
    back: async (reset) => {
      server.say({ type: "resumed", received, resumeToken: "u", reset, restarted: false });
      await vi.advanceTimersByTimeAsync(0);
    },
  };
}
