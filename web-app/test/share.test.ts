import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Meta } from "../src/lib/messages.ts";
import { Share } from "../src/lib/share.ts";
import type { Signalling } from "../src/lib/signalling.ts";

describe("what this browser sends", () => {
  beforeEach(() => {
    vi.stubGlobal("RTCPeerConnection", Connection);
    vi.stubGlobal("RTCRtpSender", { getCapabilities: () => null });
    vi.stubGlobal("MediaStream", class {});
    Connection.made.length = 0;
  });

  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it("says its name on air, and in a call only that it is one", async () => {
    const world = new World();
    await world.produce([new Track("video")], null);
    const onAir = { name: "tablet", kind: "browser", video: true, audio: false };
    expect(world.announced).toEqual(onAir);
    await world.produce([new Track("video")], [new Track("audio")]);
    expect(world.announced).toEqual(onAir);
    await world.produce(null, [new Track("video")]);
    expect(world.announced).toEqual({ call: true });
    await world.produce(null, []);
    expect(world.announced).toBeNull();
  });

  it("is for nobody without air, for no other call, and for no offer", async () => {
    const world = new World();
    const { share } = world;
    expect(share.admit("p", "s", null, null)).toBeNull();
    await world.produce(null, [new Track("audio")]);
    expect(share.admit("p", "s", null, null)).toBeNull();
    expect(share.admit("p", "s", null, "other")).toBeNull();
    await world.produce([new Track("audio")], null);
    expect(share.admit("p", "s", "v=0", null)).toBeNull();
  });

  it("is other tracks on air than in the call, also when those of the call change", async () => {
    const world = new World();
    const [camera, own] = [new Track("video"), new Track("video")];
    await world.produce([camera], [own]);
    world.share.admit("viewer", "s", null, null);
    world.share.admit("callee", "t", null, "c");
    world.share.admit("stranger", "u", null, "other");
    expect(sent()).toEqual([[camera], [own], [camera]]);
    const screen = new Track("video");
    await world.produce([camera], [screen]);
    expect(sent()).toEqual([[camera], [screen], [camera]]);
    expect(world.viewers).toBe(2);
  });

  it("is sent as well by a browser that lets nobody order its codecs", async () => {
    vi.stubGlobal("RTCPeerConnection", OldConnection);
    const world = new World();
    const tracks = [new Track("video"), new Track("audio")];
    await world.produce(tracks, null);
    world.share.admit("viewer", "s", null, null);
    await Promise.resolve();
    expect(sent()).toEqual([tracks]);
    expect(world.viewers).toBe(1);
  });

  it("ends for whoever is not reached within 12 s, and then for nobody else", async () => {
    vi.useFakeTimers();
    const world = new World();
    await world.produce([new Track("video")], null);
    for (const session of ["s", "t"]) world.share.admit("viewer", session, null, null);
    const [lost, found] = Connection.made;
    await vi.advanceTimersByTimeAsync(11_900);
    expect(world.viewers).toBe(2);
    found?.become("connected");
    await vi.advanceTimersByTimeAsync(200);
    expect([lost?.isClosed, found?.isClosed, world.viewers]).toEqual([true, false, 1]);
    expect(world.said).toEqual([{ type: "endSession", sessionId: "s" }]);
    found?.become("disconnected");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(found?.isClosed).toBe(false);
    await world.produce(null, null);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("ends for those to whom it no longer goes", async () => {
    const world = new World();
    const [camera, own] = [new Track("video"), new Track("video")];
    await world.produce([camera], [own]);
    world.share.admit("viewer", "s", null, null);
    world.share.admit("callee", "t", null, "c");
    const [air, call] = Connection.made;
    await world.produce(null, [own]);
    expect([air?.isClosed, call?.isClosed, world.viewers]).toEqual([true, false, 0]);
    await world.produce(null, null);
    expect(call?.isClosed).toBe(true);
  });
});

/** What each connection sends, in the order in which they were made. */
function sent(): (object | null)[][] {
  return Connection.made.map(({ senders }) => senders.map(({ track }) => track));
}

class World {
  announced: Meta | null = null;
  viewers = 0;
  readonly said: object[] = [];
  readonly share: Share;

  constructor() {
    const signalling = {
      webrtcConfig: {},
      announce: (meta: Meta | null) => void (this.announced = meta),
      send: (message: { type: string }) => {
        if (message.type !== "peer") this.said.push(message);
        return true;
      },
      forget: () => undefined,
    };
    this.share = new Share(signalling as unknown as Signalling, {
      viewersChanged: (count) => void (this.viewers = count),
      measured: () => undefined,
    });
  }

  async produce(air: Track[] | null, call: Track[] | null): Promise<void> {
    const tracks = (of: Track[]): MediaStreamTrack[] => of as unknown as MediaStreamTrack[];
    await this.share.produce({
      air: air && { name: "tablet", tracks: tracks(air) },
      call: call && { id: "c", tracks: tracks(call) },
      codec: "VP8",
    });
  }
}

/** A track as far as it is used. */
class Track {
  readonly kind: string;

  constructor(kind: string) {
    this.kind = kind;
  }
}

/** A sender of one track. */
class Sender {
  track: Track | null;
  readonly transport = null;

  constructor(track: Track) {
    this.track = track;
  }

  async replaceTrack(track: Track | null): Promise<void> {
    this.track = track;
    return Promise.resolve();
  }
}

/** A connection as far as it is used. */
class Connection extends EventTarget {
  static readonly made: Connection[] = [];
  readonly senders: Sender[] = [];
  readonly localDescription = null;
  iceConnectionState = "new";
  isClosed = false;

  constructor() {
    super();
    Connection.made.push(this);
  }

  become(state: string): void {
    this.iceConnectionState = state;
    this.dispatchEvent(new Event("iceconnectionstatechange"));
  }

  addTransceiver(track: Track): object {
    this.senders.push(new Sender(track));
    return { setCodecPreferences: () => undefined };
  }

  getTransceivers(): object[] {
    return this.senders.map((sender) => {
      const receiver = { track: { kind: sender.track?.kind ?? "" } };
      return { sender, receiver };
    });
  }

  getSenders(): Sender[] {
    return this.senders;
  }

  async setLocalDescription(): Promise<void> {
    return Promise.resolve();
  }

  async getStats(): Promise<Map<string, object>> {
    return Promise.resolve(new Map());
  }

  close(): void {
    this.isClosed = true;
  }
}

/** Firefox before 128. */
class OldConnection extends Connection {
  override addTransceiver(track: Track): object {
    super.addTransceiver(track);
    return {};
  }
}
