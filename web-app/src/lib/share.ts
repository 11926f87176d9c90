// This browser as a producer: one connection for each viewer, all with the same tracks.
// The tracks belong to the caller. A lost signalling server ends nothing here; the signalling
// announces us again when it is back. Touches no DOM.
//
// gstwebrtc-api's own `ProducerSession` is not used: it stops the camera when it ends, makes its
// offer before codec preferences can be set (RED must go, see codecs.ts), and keeps viewers whose
// connection has failed. Its base class `WebRTCSession` is.

import WebRTCSession from "gstwebrtc-api/src/webrtc-session.js";
import SessionState from "gstwebrtc-api/src/session-state.js";
import { audioPreferences, videoPreferences, type VideoCodec } from "./codecs.ts";
import type { Meta, PeerMessage } from "./messages.ts";
import type { SessionEnd, Signalling } from "./signalling.ts";

export interface Production {
  readonly name: string;
  readonly codec: VideoCodec;
}

export interface ShareEvents {
  viewersChanged(count: number): void;
}

export class Share {
  readonly #signalling: Signalling;
  readonly #events: ShareEvents;
  readonly #production: Production;
  #stream: MediaStream;
  #viewers = new Set<Viewer>();

  constructor(
    signalling: Signalling,
    stream: MediaStream,
    production: Production,
    events: ShareEvents,
  ) {
    this.#signalling = signalling;
    this.#stream = stream;
    this.#production = production;
    this.#events = events;
  }

  start(): void {
    this.#signalling.announce(describe(this.#production, this.#stream));
  }

  /** Ends all sessions and the announcement; leaves the tracks alone. */
  stop(): void {
    for (const viewer of this.#viewers) viewer.close();
    this.#signalling.announce(null);
  }

  /** Sends other tracks from here on, without new negotiations where the kinds stay the same. */
  async useStream(stream: MediaStream): Promise<void> {
    this.#stream = stream;
    for (const viewer of this.#viewers) await viewer.useStream(stream);
    this.start();
  }

  /** A viewer came. Offers of viewers are refused: what we send, we describe. */
  admit(peerId: string, sessionId: string, offer: string | null): SessionEnd | null {
    if (offer !== null) return null;
    const viewer = new Viewer(peerId, sessionId, this.#signalling);
    this.#viewers.add(viewer);
    viewer.addEventListener("closed", () => {
      this.#signalling.forget(viewer);
      this.#viewers.delete(viewer);
      this.#events.viewersChanged(this.#viewers.size);
    });
    void viewer.offer(this.#stream, this.#production.codec);
    this.#events.viewersChanged(this.#viewers.size);
    return viewer;
  }
}

/** The library's client session, with codec preferences and an end when the connection fails. */
class Viewer extends WebRTCSession implements SessionEnd {
  constructor(peerId: string, sessionId: string, signalling: Signalling) {
    super(peerId, signalling);
    this._sessionId = sessionId;
    this._state = SessionState.streaming;
    this._rtcPeerConnection = this.#connect(signalling);
  }

  async offer(stream: MediaStream, codec: VideoCodec): Promise<void> {
    const connection = this._rtcPeerConnection;
    if (!connection) return;
    try {
      for (const track of stream.getTracks()) addTrack(connection, track, stream, codec);
      await connection.setLocalDescription();
      const sdp = connection.localDescription?.toJSON() as unknown;
      this._comChannel?.send({ type: "peer", sessionId: this.sessionId, sdp });
    } catch (error) {
      this.#giveUp(error);
    }
  }

  /** A kind of media that was not there before needs a new session, which the viewer asks for. */
  async useStream(stream: MediaStream): Promise<void> {
    const transceivers = this._rtcPeerConnection?.getTransceivers() ?? [];
    const kinds = transceivers.map(({ receiver }) => receiver.track.kind);
    if (stream.getTracks().some(({ kind }) => !kinds.includes(kind))) {
      this.close();
      return;
    }
    for (const { sender, receiver } of transceivers) {
      const track = stream.getTracks().find(({ kind }) => kind === receiver.track.kind);
      await sender.replaceTrack(track ?? null);
    }
  }

  started(): void {}

  received(message: PeerMessage): void {
    void this.#apply(message).catch((error: unknown) => this.#giveUp(error));
  }

  ended(): void {
    this.close();
  }

  refused(): void {
    this.close();
  }

  #connect(signalling: Signalling): RTCPeerConnection {
    const connection = new RTCPeerConnection(signalling.webrtcConfig);
    connection.addEventListener("icecandidate", ({ candidate }) => {
      if (!candidate) return;
      const { sessionId } = this;
      this._comChannel?.send({ type: "peer", sessionId, ice: candidate.toJSON() });
    });
    connection.addEventListener("connectionstatechange", () => {
      if (hungUp(connection) || connection.connectionState === "failed") this.close();
    });
    return connection;
  }

  async #apply(message: PeerMessage): Promise<void> {
    const connection = this._rtcPeerConnection;
    if ("sdp" in message) await connection?.setRemoteDescription(message.sdp);
    else await connection?.addIceCandidate(message.ice);
  }

  #giveUp(error: unknown): void {
    if (this.state === SessionState.closed) return;
    console.warn("a viewer's session failed:", error);
    this.close();
  }
}

function addTrack(
  connection: RTCPeerConnection,
  track: MediaStreamTrack,
  stream: MediaStream,
  codec: VideoCodec,
): void {
  const transceiver = connection.addTransceiver(track, {
    direction: "sendonly",
    streams: [stream],
  });
  const available = RTCRtpSender.getCapabilities(track.kind)?.codecs ?? [];
  const preferences =
    track.kind === "video" ? videoPreferences(available, codec) : audioPreferences(available);
  transceiver.setCodecPreferences(preferences);
}

function hungUp(connection: RTCPeerConnection): boolean {
  return connection.getSenders().some(({ transport }) => transport?.state === "closed");
}

function describe({ name }: Production, stream: MediaStream): Meta {
  return {
    name,
    kind: "browser",
    video: stream.getVideoTracks().length > 0,
    audio: stream.getAudioTracks().length > 0,
  };
}
