import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Studio } from "../src/lib/studio.ts";

const BOTH = { camera: true, microphone: true };

describe("the screen", () => {
  const given: Track[] = [];
  let studio: Studio;

  beforeEach(() => {
    vi.stubGlobal("MediaStream", Stream);
    const give = (...kinds: string[]): Stream => {
      const tracks = kinds.map((kind) => new Track(kind));
      given.push(...tracks);
      return new Stream(tracks);
    };
    const mediaDevices = {
      getUserMedia: async () => Promise.resolve(give("video", "audio")),
      getDisplayMedia: async () => Promise.resolve(give("video")),
    };
    vi.stubGlobal("navigator", { mediaDevices });
    given.length = 0;
    const settings = { camera: "", microphone: "" };
    studio = new Studio(() => settings, { changed: () => undefined, releasing: () => undefined });
  });

  afterEach(() => vi.unstubAllGlobals());

  it("is seen though the camera is off, which it still is afterwards", async () => {
    await studio.use("call", BOTH);
    studio.toggle("camera");
    await studio.shareScreen(true);
    const screen = given.at(-1);
    expect([screen?.enabled, studio.own.camera]).toEqual([true, "on"]);
    await studio.shareScreen(false);
    expect([screen?.readyState, studio.own.camera]).toEqual(["ended", "paused"]);
  });

  it("ends with the call, also for those who watch what is on air", async () => {
    await studio.use("air", BOTH);
    await studio.use("call", BOTH);
    const [camera] = given;
    await studio.shareScreen(true);
    const screen = given.at(-1);
    await studio.use("call", null);
    expect(screen?.readyState).toBe("ended");
    expect(studio.own.stream?.getVideoTracks()).toEqual([camera]);
    expect([camera?.readyState, studio.own.screen]).toEqual(["live", false]);
  });

  it("is not shown in a call that ended while the browser asked for it, nor twice", async () => {
    await studio.use("air", BOTH);
    await studio.use("call", BOTH);
    await Promise.all([studio.shareScreen(true), studio.shareScreen(true)]);
    expect(given.slice(2).map(({ readyState }) => readyState)).toEqual(["ended", "live"]);
    const asked = studio.shareScreen(true);
    await studio.use("call", null);
    expect(await asked).toBe(false);
    expect(given.slice(2).every(({ readyState }) => readyState === "ended")).toBe(true);
  });
});

class Track extends EventTarget {
  readonly kind: string;
  enabled = true;
  readyState = "live";

  constructor(kind: string) {
    super();
    this.kind = kind;
  }

  stop(): void {
    this.readyState = "ended";
  }
}

class Stream {
  readonly #tracks: readonly Track[];

  constructor(tracks: readonly Track[]) {
    this.#tracks = tracks;
  }

  getTracks(): readonly Track[] {
    return this.#tracks;
  }

  getVideoTracks(): readonly Track[] {
    return this.#tracks.filter(({ kind }) => kind === "video");
  }
}
