import { describe, expect, it } from "vitest";
import {
  audioPreferences,
  canSend,
  rejects,
  videoPreferences,
  type Codec,
} from "../src/lib/codecs.ts";

const h264 = (profile: string, mode: number): Codec => ({
  mimeType: "video/H264",
  clockRate: 90000,
  sdpFmtpLine: `level-asymmetry-allowed=1;packetization-mode=${mode};profile-level-id=${profile}`,
});
const video = (name: string): Codec => ({ mimeType: `video/${name}`, clockRate: 90000 });

/** What Chromium lists, in its order. */
const CHROMIUM = [
  video("VP8"),
  video("rtx"),
  video("VP9"),
  h264("42001f", 1),
  h264("42001f", 0),
  h264("42e01f", 1),
  h264("42e01f", 0),
  h264("4d001f", 1),
  video("AV1"),
  video("red"),
  video("ulpfec"),
  video("flexfec-03"),
];

describe("codec preferences", () => {
  it("put the chosen codec first and never offer RED, FEC or AV1", () => {
    const names = (first: "VP8" | "H264") =>
      videoPreferences(CHROMIUM, first).map(({ mimeType }) => mimeType);
    expect(names("VP8")).toEqual(["video/VP8", "video/H264", "video/rtx"]);
    expect(names("H264")).toEqual(["video/H264", "video/VP8", "video/rtx"]);
  });

  it("take of H.264 the constrained baseline in whole frames only", () => {
    const [first] = videoPreferences(CHROMIUM, "H264");
    expect(first).toEqual(h264("42e01f", 1));
    expect(canSend([h264("64001f", 1)], "H264")).toBe(false);
    expect(canSend(CHROMIUM, "H264")).toBe(true);
  });

  it("offer Opus without its redundant form", () => {
    const codecs = ["opus", "red", "G722", "PCMU", "CN"].map((name) => ({
      mimeType: `audio/${name}`,
      clockRate: 48000,
    }));
    expect(audioPreferences(codecs).map(({ mimeType }) => mimeType)).toEqual(["audio/opus"]);
  });
});

describe("an answer", () => {
  it("rejects a kind when none of its m-lines is taken", () => {
    const sdp = "v=0\r\nm=audio 9 X 111\r\nm=video 0 X 96\r\n";
    expect(rejects(sdp, "video")).toBe(true);
    expect(rejects(sdp, "audio")).toBe(false);
    expect(rejects(`${sdp}m=video 9 X 97\r\n`, "video")).toBe(false);
    expect(rejects("v=0\r\nm=audio 9 X 111\r\n", "video")).toBe(false);
  });
});
