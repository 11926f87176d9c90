// This browser as a producer: one connection for each viewer. The tracks belong to the caller. A
// lost signalling server ends nothing here; the signalling announces us again when it is back.
// What is on air goes to everybody that the server lets, what goes into the call only to the other
// side of it. Touches no DOM.
//
// gstwebrtc-api's own `ProducerSession` is not used: it stops the camera when it ends, makes its
// offer before codec preferences can be set (RED must go, see codecs.ts), and keeps viewers whose
// connection has failed. Its base class `WebRTCSession` is.

import WebRTCSession from "gstwebrtc-api/src/webrtc-session.js";
import SessionState from "gstwebrtc-api/src/session-state.js";
import { audioPreferences, videoPreferences, type VideoCodec } from "./codecs.ts";
import type { Meta, PeerMessage } from "./messages.ts";
import type { SessionEnd, Signalling } from "./signalling.ts";
import { summariseSent, type MediaStats } from "./stats.ts";

/** What is sent to whom; null is nothing. */
export interface Production {
  readonly air: (OnAir & { readonly tracks: readonly MediaStreamTrack[] }) | null;
  readonly call: { readonly id: string; readonly tracks: readonly MediaStreamTrack[] } | null;
  readonly codec: VideoCodec;
}

export interface OnAir {
  readonly name: string;
}

export interface ShareEvents {
  /** Of what is on air. */
  viewersChanged(count: number): void;
  /** Of what goes into the call, once a second. */
  measured(stats: MediaStats): void;
}

const MEASURE_MS = 1_000;
/** Until there is a way to a viewer; one that watches gives up after the same time. */
const NEGOTIATION_DEADLINE_MS = 12_000;

const NOTHING: Production = { air: null, call: null, codec: "VP8" };

export class Share {
  readonly #signalling: Signalling;
  readonly #events: ShareEvents;
  #production = NOTHING;
  readonly #viewers = new Set<Viewer>();

  constructor(signalling: Signalling, events: ShareEvents) {
    this.#signalling = signalling;
    this.#events = events;
  }

  /** Sends this from here on, without new negotiations where the kinds of media stay the same. */
  async produce(production: Production): Promise<void> {
    this.#production = production;
    for (const viewer of [...this.#viewers]) {
      if (!this.#partOf(viewer.callId)) viewer.close();
    }
    this.#signalling.announce(describe(production));
    for (const viewer of [...this.#viewers]) {
      await viewer.useTracks(this.#partOf(viewer.callId)?.tracks ?? []);
    }
  }

  /** A viewer came. Offers of viewers are refused: what we send, we describe. */
  admit(
    peerId: string,
    sessionId: string,
    offer: string | null,
    callId: string | null,
  ): SessionEnd | null {
    const { call, codec } = this.#production;
    const inCall = callId !== null && callId === call?.id ? callId : null;
    const part = this.#partOf(inCall);
    if (offer !== null || !part) return null;
    const viewer = new Viewer(peerId, sessionId, inCall, this.#signalling);
    this.#viewers.add(viewer);
    viewer.addEventListener("closed", () => {
      this.#signalling.forget(viewer);
      this.#viewers.delete(viewer);
      this.#count();
    });
    void viewer.offer(part.tracks, codec);
    if (inCall !== null) viewer.measure(null, (stats) => this.#events.measured(stats));
    this.#count();
    return viewer;
  }

  /** What belongs into this call; without one, what is on air. */
  #partOf(callId: string | null): { readonly tracks: readonly MediaStreamTrack[] } | null {
    const { air, call } = this.#production;
    if (callId === null) return air;
    return callId === call?.id ? call : null;
  }

  #count(): void {
    const watching = [...this.#viewers].filter(({ callId }) => callId === null);
    this.#events.viewersChanged(watching.length);
  }
}

/** The library's client session, with codec preferences, and an end when there is no connection. */
class Viewer extends WebRTCSession implements SessionEnd {
  /** The call that it is part of. */
  readonly callId: string | null;

  constructor(peerId: string, sessionId: string, callId: string | null, signalling: Signalling) {
    super(peerId, signalling);
    this.callId = callId;
    this._sessionId = sessionId;
    this._state = SessionState.streaming;
    this._rtcPeerConnection = this.#connect(signalling);
  }

  async offer(tracks: readonly MediaStreamTrack[], codec: VideoCodec): Promise<void> {
    const connection = this._rtcPeerConnection;
    if (!connection) return;
    try {
      const stream = new MediaStream();
      for (const track of tracks) addTrack(connection, track, stream, codec);
      await connection.setLocalDescription();
      const sdp = connection.localDescription?.toJSON() as unknown;
      this._comChannel?.send({ type: "peer", sessionId: this.sessionId, sdp });
    } catch (error) {
      this.#giveUp(error);
    }
  }

  /** A kind of media that was not there before needs a new session, which the viewer asks for. */
  async useTracks(tracks: readonly MediaStreamTrack[]): Promise<void> {
    const transceivers = this._rtcPeerConnection?.getTransceivers() ?? [];
    const kinds = transceivers.map(({ receiver }) => receiver.track.kind);
    if (tracks.some(({ kind }) => !kinds.includes(kind))) {
      this.close();
      return;
    }
    try {
      for (const { sender, receiver } of transceivers) {
        const track = tracks.find(({ kind }) => kind === receiver.track.kind) ?? null;
        if (sender.track !== track) await sender.replaceTrack(track);
      }
    } catch (error) {
      // It may have been closed meanwhile; others are to have the new tracks all the same.
      this.#giveUp(error);
    }
  }

  /** Again and again until it is closed. */
  measure(last: MediaStats | null, tell: (stats: MediaStats) => void): void {
    setTimeout(() => void this.#look(last, tell), MEASURE_MS);
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
    const late = setTimeout(() => this.close(), NEGOTIATION_DEADLINE_MS);
    this.addEventListener("closed", () => clearTimeout(late));
    connection.addEventListener("iceconnectionstatechange", () => {
      if (isThrough(connection)) clearTimeout(late);
    });
    connection.addEventListener("connectionstatechange", () => {
      if (hungUp(connection) || connection.connectionState === "failed") this.close();
    });
    return connection;
  }

  async #look(last: MediaStats | null, tell: (stats: MediaStats) => void): Promise<void> {
    const connection = this._rtcPeerConnection;
    if (!connection || this.state === SessionState.closed) return;
    const stats = summariseSent(await connection.getStats(), last);
    if (stats.playing) tell(stats);
    this.measure(stats, tell);
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
  // Firefox has it since 128; before, the order is the browser's own.
  transceiver.setCodecPreferences?.(preferences);
}

/** `completed` may come without `connected`. */
function isThrough({ iceConnectionState }: RTCPeerConnection): boolean {
  return iceConnectionState === "connected" || iceConnectionState === "completed";
}

function hungUp(connection: RTCPeerConnection): boolean {
  return connection.getSenders().some(({ transport }) => transport?.state === "closed");
}

/** What is only sent into a call says nothing about itself, and is not listed as on air. */
function describe({ air, call }: Production): Meta | null {
  if (!air || air.tracks.length === 0)
    return call && call.tracks.length > 0 ? { call: true } : null;
  return {
    name: air.name,
    kind: "browser",
    video: air.tracks.some(({ kind }) => kind === "video"),
    audio: air.tracks.some(({ kind }) => kind === "audio"),
  };
}
