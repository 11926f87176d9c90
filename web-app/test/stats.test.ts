import { expect, test } from "vitest";
import { forgotten, measured, SENT } from "../src/lib/quality.ts";
import { summarise, summariseSent } from "../src/lib/stats.ts";

test("what comes in: rates and losses are those since the last look", () => {
  const first = summarise(report(inbound({ timestamp: 1_000, bytesReceived: 1_000 })), null);
  expect(first).toMatchObject({ bitsPerSecond: 0, width: 1280, hasVideo: true, codec: "VP8" });
  const next = inbound({
    timestamp: 2_000,
    bytesReceived: 126_000,
    packetsReceived: 190,
    packetsLost: 10,
    totalFreezesDuration: 0.4,
  });
  const second = summarise(report(next), first);
  expect(second).toMatchObject({ bitsPerSecond: 1_000_000, loss: 0.1, frozen: 400, roundTrip: 20 });
});

test("what goes out: the other end tells of loss and jitter", () => {
  const outbound = {
    type: "outbound-rtp",
    kind: "video",
    timestamp: 2_000,
    bytesSent: 126_000,
    frameWidth: 640,
    frameHeight: 480,
    framesPerSecond: 24.6,
    codecId: "c",
  };
  const before = summariseSent(report({ ...outbound, timestamp: 1_000, bytesSent: 1_000 }), null);
  const heard = { type: "remote-inbound-rtp", kind: "video", timestamp: 1_900 };
  const figures = { fractionLost: 0.25, jitter: 0.012, roundTripTime: 0.034 };
  const stats = summariseSent(report(outbound, { ...heard, ...figures }), before);
  expect(stats).toMatchObject({
    bitsPerSecond: 1_000_000,
    framesPerSecond: 25,
    loss: 0.25,
    jitter: 12,
    roundTrip: 34,
    codec: "VP8",
    playing: true,
  });
});

test("a minute of figures is kept, one a second, until it is forgotten", () => {
  let qualities = {};
  for (let at = 0; at < 100_000; at += 500) {
    const stats = summarise(report(inbound({ timestamp: at, bytesReceived: at })), null);
    qualities = measured(qualities, SENT, stats);
  }
  const { latest, series } = (qualities as ReturnType<typeof measured>)[SENT] ?? {};
  expect(series).toHaveLength(60);
  expect(series?.at(-1)).toBe(latest);
  expect(latest?.at).toBe(99_500);
  expect(forgotten(qualities, SENT)).toEqual({});
});

function inbound(fields: object): object {
  return {
    type: "inbound-rtp",
    kind: "video",
    packetsReceived: 100,
    packetsLost: 0,
    frameWidth: 1280,
    frameHeight: 720,
    framesPerSecond: 30,
    framesDecoded: 5,
    codecId: "c",
    ...fields,
  };
}

/** As `RTCStatsReport` iterates. */
function report(...all: object[]): [string, object][] {
  const codec = { type: "codec", id: "c", timestamp: 0, mimeType: "video/VP8" };
  const pair = {
    type: "candidate-pair",
    timestamp: 0,
    nominated: true,
    currentRoundTripTime: 0.02,
  };
  return [...all, codec, pair].map((entry, index) => [String(index), entry]);
}
