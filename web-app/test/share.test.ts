import { describe, expect, it } from "vitest";
import type { Meta } from "../src/lib/messages.ts";
import { Share, type Production } from "../src/lib/share.ts";
import type { Signalling } from "../src/lib/signalling.ts";

const AIR: Production = { air: { name: "tablet" }, call: null, codec: "VP8" };
const CALL: Production = {
  air: null,
  call: { id: "c", video: true, audio: true },
  codec: "VP8",
};
const NOTHING: Production = { air: null, call: null, codec: "VP8" };

describe("what this browser sends", () => {
  it("is clones of the tracks, paused as they are, and stopped without them", async () => {
    const world = new World();
    const [camera, microphone] = [new Track("video"), new Track("audio")];
    await world.produce(AIR, camera, microphone);
    expect([camera.clones.length, microphone.clones.length]).toEqual([1, 1]);
    microphone.enabled = false;
    await world.produce(AIR, camera, microphone);
    expect(microphone.clones.map(({ enabled }) => enabled)).toEqual([false]);
    expect(camera.clones.map(({ enabled }) => enabled)).toEqual([true]);

    world.share.release();
    const clones = [...camera.clones, ...microphone.clones];
    expect(clones.map(({ readyState }) => readyState)).toEqual(["ended", "ended"]);
    expect([camera.readyState, microphone.readyState]).toEqual(["live", "live"]);
    await world.produce(AIR, camera, microphone);
    expect(camera.clones.at(-1)?.readyState).toBe("live");
    await world.produce(NOTHING);
    expect(camera.clones.every(({ readyState }) => readyState === "ended")).toBe(true);
    expect(camera.readyState).toBe("live");
  });

  it("says its name on air, and in a call only that it is one", async () => {
    const world = new World();
    await world.produce(AIR, new Track("video"));
    expect(world.announced).toEqual({
      name: "tablet",
      kind: "browser",
      video: true,
      audio: false,
    });
    await world.produce(CALL, new Track("video"));
    expect(world.announced).toEqual({ call: true });
    await world.produce(CALL);
    expect(world.announced).toBeNull();
  });

  it("is for nobody without air, for no other call, and for no offer", async () => {
    const world = new World();
    const { share } = world;
    expect(share.admit("p", "s", null, null)).toBeNull();
    await world.produce(CALL, new Track("audio"));
    expect(share.admit("p", "s", null, null)).toBeNull();
    expect(share.admit("p", "s", null, "other")).toBeNull();
    await world.produce(AIR, new Track("audio"));
    expect(share.admit("p", "s", "v=0", null)).toBeNull();
  });
});

class World {
  announced: Meta | null = null;
  readonly share: Share;

  constructor() {
    const announce = (meta: Meta | null): void => void (this.announced = meta);
    const events = { viewersChanged: () => undefined, measured: () => undefined };
    this.share = new Share({ announce } as unknown as Signalling, events);
  }

  async produce(production: Production, ...tracks: Track[]): Promise<void> {
    const stream = { getTracks: () => tracks } as unknown as MediaStream;
    await this.share.produce(production, tracks.length > 0 ? stream : null);
  }
}

/** A track as far as it is used. */
class Track {
  readonly clones: Track[] = [];
  readonly kind: string;
  enabled = true;
  readyState = "live";

  constructor(kind: string) {
    this.kind = kind;
  }

  clone(): Track {
    const clone = new Track(this.kind);
    this.clones.push(clone);
    return clone;
  }

  stop(): void {
    this.readyState = "ended";
  }
}
