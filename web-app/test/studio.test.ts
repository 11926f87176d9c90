import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Studio, type Use } from "../src/lib/studio.ts";

const BOTH = { camera: true, microphone: true };

const given: Track[] = [];
let studio: Studio;
let opens: (() => void) | null = null;

beforeEach(() => {
  vi.stubGlobal("MediaStream", Stream);
  const give = (...kinds: string[]): Stream => {
    const tracks = kinds.map((kind) => new Track(kind));
    given.push(...tracks);
    return new Stream(tracks);
  };
  const mediaDevices = {
    getUserMedia: async () => {
      if (opens) await new Promise<void>((resolve) => (opens = resolve));
      return give("video", "audio");
    },
    getDisplayMedia: async () => Promise.resolve(give("video")),
  };
  vi.stubGlobal("navigator", { mediaDevices });
  given.length = 0;
  opens = null;
  const settings = { camera: "", microphone: "" };
  studio = new Studio(() => settings, { changed: () => undefined });
});

afterEach(() => vi.unstubAllGlobals());

describe("air and call", () => {
  it("have tracks of their own of devices that are opened once", async () => {
    await studio.use("air", BOTH);
    const air = tracks("air");
    await studio.use("call", BOTH);
    expect(given).toHaveLength(2);
    expect(tracks("air")).toEqual(air);
    for (const track of tracks("call")) expect([...air, ...given]).not.toContain(track);
  });

  it("are muted and without a camera each for itself", async () => {
    await studio.use("air", BOTH);
    await studio.use("call", BOTH);
    studio.toggle("call", "microphone");
    studio.toggle("call", "camera");
    expect(enabled("call")).toEqual([false, false]);
    expect(enabled("air")).toEqual([true, true]);
    expect(studio.ownFor("air")).toMatchObject({ camera: "on", microphone: "on" });
    studio.toggle("air", "camera");
    studio.toggle("call", "camera");
    expect(studio.ownFor("call")).toMatchObject({ camera: "on", microphone: "paused" });
    expect(enabled("air")).toEqual([false, true]);
    await studio.reopen();
    expect([enabled("air"), enabled("call")]).toEqual([
      [false, true],
      [true, false],
    ]);
    await studio.use("call", null);
    await studio.use("call", BOTH);
    expect(enabled("call")).toEqual([true, true]);
  });

  it("get only what they need, and let go of it when it is over", async () => {
    await studio.use("air", BOTH);
    await studio.use("call", { camera: false, microphone: true });
    expect(tracks("call").map(({ kind }) => kind)).toEqual(["audio"]);
    const [voice] = tracks("call");
    await studio.use("call", BOTH);
    expect(tracks("call")).toContain(voice);
    const [air, call] = [tracks("air"), tracks("call")];
    await studio.use("call", null);
    expect(call.map(({ readyState }) => readyState)).toEqual(["ended", "ended"]);
    expect(air.map(({ readyState }) => readyState)).toEqual(["live", "live"]);
    await studio.use("air", null);
    expect([...air, ...given].every(({ readyState }) => readyState === "ended")).toBe(true);
    expect(studio.ownFor("air").stream).toBeNull();
  });

  it("hold no device while it is opened anew", async () => {
    await studio.use("air", BOTH);
    const before = tracks("air");
    opens = () => undefined;
    const again = studio.reopen();
    expect([...before, ...given].every(({ readyState }) => readyState === "ended")).toBe(true);
    expect(studio.isOpening).toBe(true);
    studio.toggle("air", "microphone");
    opens();
    await again;
    expect(studio.isOpening).toBe(false);
    expect(enabled("air")).toEqual([true, false]);
  });
});

describe("the screen", () => {
  it("is seen though the camera is off, which it still is afterwards", async () => {
    await studio.use("call", BOTH);
    studio.toggle("call", "camera");
    await studio.shareScreen(true);
    const screen = given.at(-1);
    expect(tracks("call")).toContain(screen);
    expect([screen?.enabled, studio.ownFor("call").camera]).toEqual([true, "on"]);
    await studio.shareScreen(false);
    expect([screen?.readyState, studio.ownFor("call").camera]).toEqual(["ended", "paused"]);
  });

  it("is shown to nobody who watches what is on air, and ends with the call", async () => {
    await studio.use("air", BOTH);
    await studio.use("call", BOTH);
    const air = studio.ownFor("air");
    await studio.shareScreen(true);
    const screen = given.at(-1);
    expect(tracks("call")).toContain(screen);
    expect(studio.ownFor("air")).toEqual(air);
    expect(tracks("air")).not.toContain(screen);
    await studio.use("call", null);
    expect(screen?.readyState).toBe("ended");
    expect(studio.ownFor("air")).toEqual(air);
    expect(tracks("air").every(({ readyState }) => readyState === "live")).toBe(true);
  });

  it("gives way to the camera when the browser ends it", async () => {
    await studio.use("call", BOTH);
    const camera = tracks("call");
    await studio.shareScreen(true);
    given.at(-1)?.dispatchEvent(new Event("ended"));
    expect(studio.ownFor("call").screen).toBe(false);
    expect(tracks("call")).toEqual(camera);
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

  it("is not shown in the next call, which it was not meant for", async () => {
    await studio.use("call", BOTH);
    const asked = studio.shareScreen(true);
    const screen = given.at(-1);
    void studio.use("call", null);
    const next = studio.use("call", BOTH);
    expect(await asked).toBe(false);
    await next;
    expect(screen?.readyState).toBe("ended");
    expect(tracks("call")).not.toContain(screen);
    expect(studio.ownFor("call").screen).toBe(false);
  });
});

function tracks(use: Use): Track[] {
  return (studio.ownFor(use).stream?.getTracks() ?? []) as unknown as Track[];
}

function enabled(use: Use): boolean[] {
  return tracks(use).map((track) => track.enabled);
}

class Track extends EventTarget {
  readonly kind: string;
  enabled = true;
  readyState = "live";

  constructor(kind: string) {
    super();
    this.kind = kind;
  }

  clone(): Track {
    return new Track(this.kind);
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
