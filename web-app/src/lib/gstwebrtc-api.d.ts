// Types of the parts of gstwebrtc-api 3.0.0 that are imported by file. The package's own types
// describe only its entry point, and that one comes with the connection that this app replaces
// (see signalling.ts).

declare module "gstwebrtc-api/src/webrtc-session.js" {
  /** What a session needs of the connection it belongs to. */
  export interface Channel {
    readonly webrtcConfig: RTCConfiguration;
    readonly meta: unknown;
    /** False when the message could not be sent. */
    send(message: object): boolean;
  }

  /** Fires "error", "stateChanged", "rtcPeerConnectionChanged" and "closed". */
  export default class WebRTCSession extends EventTarget {
    constructor(peerId: string, channel: Channel);
    get peerId(): string;
    get sessionId(): string;
    get state(): number;
    get rtcPeerConnection(): RTCPeerConnection | null;
    close(): void;
    protected _sessionId: string;
    protected _state: number;
    protected _comChannel: Channel | null;
    protected _rtcPeerConnection: RTCPeerConnection | null;
  }
}

declare module "gstwebrtc-api/src/consumer-session.js" {
  import WebRTCSession, { type Channel } from "gstwebrtc-api/src/webrtc-session.js";

  /** One watched producer; also fires "streamsChanged" and "remoteControllerChanged". */
  export default class ConsumerSession extends WebRTCSession {
    constructor(peerId: string, channel: Channel, offerOptions?: RTCOfferOptions);
    /** Asks for the session; false when that could not be sent. */
    connect(): boolean;
    onSessionStarted(peerId: string, sessionId: string): void;
    onSessionPeerMessage(message: object): void;
  }
}

declare module "gstwebrtc-api/src/session-state.js" {
  const SessionState: {
    readonly idle: 0;
    readonly connecting: 1;
    readonly streaming: 2;
    readonly closed: 3;
  };
  export default SessionState;
}
