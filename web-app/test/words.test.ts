import { describe, expect, it } from "vitest";
import { translator, type Language } from "../src/i18n/index.ts";
import { sending } from "../src/i18n/phrases/sending.ts";
import { peerName } from "../src/lib/messages.ts";
import { captureProblem, endProblem, type Problem } from "../src/lib/problem.ts";
import { defaults, load, save } from "../src/lib/settings.ts";
import { summarise } from "../src/lib/stats.ts";
import { findAgain } from "../src/lib/watch.ts";
import { bitrate } from "../src/i18n/format.ts";
import {
  browserName,
  describeCode,
  describeProblem,
  describeSignalling,
  secondsUntil,
} from "../src/lib/words.ts";

const t = translator(() => "en");

describe("words", () => {
  it.each<Language>(["en", "es", "pt"])(
    "tell every problem in a sentence of its own, in %s",
    (language) => {
      const problems: Problem[] = [
        { kind: "loginWrong" },
        { kind: "loginTooSoon", seconds: 13, until: 13_000 },
        { kind: "loginRefused", details: "the name is taken" },
        { kind: "loginLost" },
        { kind: "sessionEnded" },
        { kind: "serverAway" },
        { kind: "refused", status: 401, details: "login needed" },
        { kind: "refused", status: 403, details: "origin not allowed" },
        { kind: "refused", status: 400, details: "" },
        { kind: "requestRefused", details: "no" },
        { kind: "cut" },
        { kind: "insecureContext" },
        { kind: "captureDenied", what: "both" },
        { kind: "captureAbsent", what: "camera" },
        { kind: "captureBusy", what: "microphone" },
        { kind: "captureLost", what: "camera" },
        { kind: "captureFailed", what: "camera", details: "odd" },
        { kind: "iceFailed" },
        { kind: "noAnswer" },
        { kind: "codecIncompatible" },
        { kind: "producerLeft" },
        { kind: "taken" },
        { kind: "mediaStopped" },
        { kind: "unheard" },
        { kind: "dtlsFailed" },
        { kind: "fingerprintMismatch" },
        { kind: "negotiationFailed", details: "bad sdp" },
      ];
      const all = problems.map((problem) =>
        describeProblem(
          translator(() => language),
          problem,
        ),
      );
      expect(new Set(all.map(({ title }) => title)).size).toBe(problems.length);
      for (const { advice } of all) expect(advice).toMatch(/^[¿\p{Lu}].*[.?]$/su);
    },
  );

  it("tell the operator which flag lets people in", () => {
    const refused = { kind: "refused", status: 403, details: "" } as const;
    expect(describeProblem(t, refused).advice).toContain("--allowed-origin");
  });

  it("tell how long to wait", () => {
    const tooSoon = { kind: "loginTooSoon", until: 0 } as const;
    expect(describeProblem(t, { ...tooSoon, seconds: 1 }).advice).toContain("in 1 second.");
    expect(describeProblem(t, { ...tooSoon, seconds: 13 }).advice).toContain("in 13 seconds.");
    expect([secondsUntil(2_500, 1_000), secondsUntil(1_000, 2_500)]).toEqual([2, 0]);
  });

  it("tell when the next attempt is", () => {
    const waiting = { phase: "waiting", retryAt: 4_000 } as const;
    expect(describeSignalling(t, waiting, false, 1_000)).toBe(
      "Server unreachable, trying again in 3 s",
    );
    expect(describeSignalling(t, { phase: "open" }, false, 0)).toBe("Connecting");
    expect(describeSignalling(t, { phase: "open" }, true, 0)).toBe("Connected");
  });

  it("count and measure", () => {
    expect([0, 1, 2].map((count) => t(sending.viewers, { count }))).toEqual([
      "Nobody is watching yet",
      "1 viewer is watching",
      "2 viewers are watching",
    ]);
    expect([64_000, 2_140_000].map((bps) => bitrate(t, bps))).toEqual(["64 kbit/s", "2.1 Mbit/s"]);
  });
});

describe("refusals", () => {
  it("are said by their code, and in the server's words if that is unknown", () => {
    const es = translator(() => "es");
    expect(describeCode(es, "lastAdmin", "ann is the only admin")).toMatch(/^Es la única/);
    expect(describeCode(es, "brandNew", "something else")).toBe("Something else.");
    expect(describeCode(es, "toString", "no")).toBe("No.");
  });
});

describe("a browser", () => {
  it("is named after its system", () => {
    const name = (agent: string) => browserName(t, `Mozilla/5.0 (${agent})`);
    expect(
      ["X11; Linux x86_64", "Linux; Android 14; K", "Macintosh; Intel", "?"].map(name),
    ).toEqual(["Browser on Linux", "Browser on Android", "Browser on Mac", "Browser"]);
  });
});

describe("capture failures", () => {
  it("are sorted by who can mend them", () => {
    const kinds = ["NotAllowedError", "NotFoundError", "NotReadableError", "TypeError"].map(
      (name) => captureProblem(Object.assign(new Error("x"), { name }), "camera").kind,
    );
    expect(kinds).toEqual(["captureDenied", "captureAbsent", "captureBusy", "captureFailed"]);
  });
});

describe("the end of a session", () => {
  it("is told by a device's code, and otherwise in the words of the other end", () => {
    const end = (reason: string) => endProblem(reason);
    expect(end("noMedia: neither picture nor sound after 10 s")).toEqual({ kind: "mediaStopped" });
    expect(end("codec: the other end says: none")).toEqual({ kind: "codecIncompatible" });
    const coded = ["noAnswer", "iceFailed", "turnRefused", "dtlsFailed"];
    coded.push("fingerprintMismatch", "peerGone");
    expect(coded.map((code) => end(`${code}: x`).kind)).toEqual([
      "unheard",
      "iceFailed",
      "iceFailed",
      "dtlsFailed",
      "fingerprintMismatch",
      "mediaStopped",
    ]);
    const negotiationFailed = (details: string) => ({ kind: "negotiationFailed", details });
    expect(end("badDescription: no m-line: x")).toEqual(negotiationFailed("no m-line: x"));
    for (const words of ["session: over", "noMedia", "toString: no"]) {
      expect(end(words)).toEqual(negotiationFailed(words));
    }
  });
});

describe("a watched producer that comes back", () => {
  const target = { peerId: "1", name: "door" };

  it("is found by its id, else by its name if that is unmistakable", () => {
    const door = (id: string) => ({ id, meta: { name: "door" } });
    expect(findAgain(target, [door("2"), door("1")])).toBe(target);
    expect(findAgain(target, [door("2")])).toEqual({ peerId: "2", name: "door" });
    expect(findAgain(target, [door("2"), door("3")])).toBeNull();
    expect(findAgain(target, [{ id: "2", meta: {} }])).toBeNull();
  });

  it("has a name whatever its meta says", () => {
    expect(peerName({ id: "0123456789", meta: { name: " " } })).toBe("01234567");
    expect(peerName({ id: "0", meta: { name: 7, "display-name": "gate" } })).toBe("gate");
  });
});

describe("settings", () => {
  it("survive a visit, and nonsense or a storage that throws becomes the defaults", () => {
    const kept = new Map<string, string>();
    const storage = {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => void kept.set(key, value),
    };
    const mine = {
      name: "phone",
      codec: "H264",
      camera: null,
      microphone: "m",
      muted: true,
      speaker: "s",
      language: "pt",
      theme: "dark",
      ringtone: false,
    } as const;
    save(storage, mine);
    expect(load(storage)).toEqual(mine);
    for (const text of [
      "",
      "7",
      "{",
      '{"codec":"AV1","name":7,"language":"toString","theme":"x"}',
    ]) {
      expect(load({ getItem: () => text })).toEqual(defaults);
    }
    const broken = () => {
      throw new Error("denied");
    };
    expect(load({ getItem: broken })).toEqual(defaults);
    expect(() => {
      save({ setItem: broken }, mine);
    }).not.toThrow();
  });
});

describe("statistics", () => {
  const video = { type: "inbound-rtp", kind: "video", frameWidth: 1280, frameHeight: 720 };

  it("come to sizes, rates and whether anything plays", () => {
    const first = summarise(
      report({ ...video, timestamp: 1000, bytesReceived: 1000, framesDecoded: 0 }),
      null,
    );
    expect(first).toMatchObject({ playing: false, bitsPerSecond: 0, width: 1280, hasAudio: false });
    const second = summarise(
      report({ ...video, timestamp: 2000, bytesReceived: 126_000, framesDecoded: 30 }),
      first,
    );
    expect(second).toMatchObject({ playing: true, bitsPerSecond: 1_000_000, height: 720 });
  });

  it("count sound alone as playing, unless a picture is to come", () => {
    const audio = { type: "inbound-rtp", kind: "audio", timestamp: 1, bytesReceived: 100 };
    expect(summarise(report(audio), null).playing).toBe(true);
    expect(summarise(report(audio, { ...video, timestamp: 1 }), null).playing).toBe(false);
    expect(summarise(report(), null)).toMatchObject({ playing: false, at: 0 });
  });
});

function report(...stats: object[]): Iterable<unknown> {
  return new Map(stats.map((entry, index) => [String(index), entry]));
}
