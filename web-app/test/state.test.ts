import { describe, expect, it } from "vitest";
import { translator } from "../src/i18n/index.ts";
import { announcement } from "../src/lib/announcements.ts";
import { initial, isBack, reduce, type Event, type State } from "../src/lib/state.ts";
import type { MediaStats } from "../src/lib/stats.ts";

const t = translator(() => "en");
const door = { id: "1", meta: { name: "door" } };
const gate = { id: "2", meta: { name: "gate" } };
const key = "watch-1";
const target = { peerId: "1", name: "door" };
const stats: MediaStats = {
  at: 1,
  bytes: 1,
  width: 1280,
  height: 720,
  framesPerSecond: 30,
  framesDecoded: 1,
  bitsPerSecond: 1,
  loss: 0,
  jitter: 1,
  roundTrip: 1,
  codec: "VP8",
  frozen: 0,
  hasVideo: true,
  hasAudio: true,
  playing: true,
  counted: { packets: 1, lost: 0, frozen: 0 },
};
const live = { phase: "live", unstable: false, stats } as const;
const stream = {} as MediaStream;
const opened = { stream, camera: "on", microphone: "on", problem: null } as const;

describe("the state", () => {
  it("lists producers by name", () => {
    const { state } = play({ type: "producersChanged", producers: [gate, door] });
    expect(state.producers?.map(({ id }) => id)).toEqual(["1", "2"]);
  });

  it("keeps what is watched and sent when the server is lost", () => {
    const { state } = play(
      { type: "registered", peerId: "me" },
      { type: "producersChanged", producers: [door] },
      { type: "watchStarted", key, target },
      { type: "watchStream", key, stream },
      { type: "watchChanged", key, target, status: live },
      { type: "captureOpened", ...opened },
      { type: "onAir" },
      { type: "viewersChanged", viewers: 2 },
      { type: "socketChanged", socket: { phase: "waiting", retryAt: 1 } },
    );
    expect(state.ownId).toBeNull();
    expect(state.producers).toEqual([door]);
    expect(state.watches).toMatchObject([{ key, stream, status: live }]);
    expect(state.share).toMatchObject({ phase: "onAir", viewers: 2 });
  });

  it("ignores what comes after the end of what it belongs to", () => {
    const { state } = play(
      { type: "watchStarted", key, target },
      { type: "watchStopped", key },
      { type: "watchChanged", key, target, status: live },
      { type: "viewersChanged", viewers: 2 },
    );
    expect(state.watches).toEqual([]);
    expect(state.quality).toEqual({});
    expect(state.share).toEqual({ phase: "off", problem: null });
  });

  it("stays on air while another camera is opened", () => {
    const other = {} as MediaStream;
    const { state } = play(
      { type: "captureOpening" },
      { type: "captureOpened", ...opened },
      { type: "onAir" },
      { type: "viewersChanged", viewers: 1 },
      { type: "captureOpening" },
      { type: "captureOpened", ...opened, stream: other, microphone: "absent" },
    );
    expect(state.share).toMatchObject({ phase: "onAir", viewers: 1, microphone: "absent" });
    expect("stream" in state.share && state.share.stream).toBe(other);
  });

  it("goes back to the preview when the server refuses a producer", () => {
    const problem = { kind: "requestRefused", details: "no" } as const;
    const { state } = play(
      { type: "captureOpened", ...opened },
      { type: "onAir" },
      { type: "offAir", problem },
    );
    expect(state.share).toMatchObject({ phase: "ready", problem });
  });

  it("forgets a complaint when the connection changes", () => {
    const { state } = play(
      { type: "complained", problem: { kind: "requestRefused", details: "no" } },
      { type: "socketChanged", socket: { phase: "connecting" } },
    );
    expect(state.complaint).toBeNull();
  });
});

describe("a device that was unplugged", () => {
  const lost = { ...opened, problem: { kind: "captureLost", what: "camera" } } as const;
  const desk = { id: "c1", label: "Desk" };
  const wanted = { camera: "c1", microphone: "" };

  it("is opened again when it returns, and not before", () => {
    const devices = { cameras: [desk], microphones: [] };
    expect(isBack(lost, wanted, devices)).toBe(true);
    expect(isBack(lost, { ...wanted, camera: "" }, devices)).toBe(true);
    expect(isBack(lost, { ...wanted, camera: "c2" }, devices)).toBe(false);
    expect(isBack(lost, { ...wanted, camera: null }, devices)).toBe(false);
    expect(isBack(lost, wanted, { cameras: [], microphones: [desk] })).toBe(false);
    expect(isBack(opened, wanted, devices)).toBe(false);
  });
});

describe("a screen reader hears", () => {
  it("of a watch from start to end, and of nothing twice", () => {
    const { said } = play(
      { type: "watchStarted", key, target },
      { type: "watchChanged", key, target, status: live },
      { type: "watchChanged", key, target, status: { ...live, unstable: true } },
      {
        type: "watchChanged",
        key,
        target,
        status: { phase: "interrupted", problem: { kind: "producerLeft" } },
      },
      { type: "watchStopped", key },
    );
    expect(said).toEqual([
      "Connecting to door",
      "Watching door",
      "door: It went off the air",
      "Stopped door",
    ]);
  });

  it("who comes and goes, but not of a mere new id", () => {
    const { said } = play(
      { type: "producersChanged", producers: [door] },
      { type: "producersChanged", producers: [door, gate] },
      { type: "producersChanged", producers: [{ ...door, id: "9" }, gate] },
      { type: "producersChanged", producers: [gate] },
    );
    expect(said).toEqual(["gate is on the air", "door went off the air"]);
  });

  it("of the connection and of being on the air", () => {
    const { said } = play(
      { type: "socketChanged", socket: { phase: "open" } },
      { type: "registered", peerId: "me" },
      { type: "captureOpened", ...opened },
      { type: "onAir" },
      { type: "captureClosed" },
      { type: "socketChanged", socket: { phase: "waiting", retryAt: 1 } },
    );
    expect(said).toEqual([
      "Connected to the server",
      "You are on the air",
      "You are off the air",
      "The server is unreachable; trying again",
    ]);
  });
});

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
