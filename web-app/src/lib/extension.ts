// The words on the wire of intercom.v1: login, accounts, calls, and a connection that outlives its
// socket. Mirrors `protocol/src/intercom.rs`; `vectors/intercom` keeps the two equal.

import type { EndReason, Media } from "./call.ts";
import type { Fields } from "./fields.ts";
import { BadMessage } from "./fields.ts";
import type { Resume } from "./ledger.ts";
import type { AccountInfo, Kind, Status } from "./roster.ts";

/** The WebSocket subprotocol that asks for it. */
export const SUBPROTOCOL = "intercom.v1";

/** What the user says in and of a call. */
export type CallRequest =
  | { readonly type: "offerCall"; readonly to: string; readonly media: Media }
  | {
      readonly type: "answerCall";
      readonly callId: string;
      readonly accept: true;
      readonly media: Media;
    }
  | {
      readonly type: "answerCall";
      readonly callId: string;
      readonly accept: false;
      readonly reason: "rejected" | "busy";
    }
  | { readonly type: "attachPeer"; readonly callId: string; readonly peerId: string }
  | { readonly type: "updateCall"; readonly callId: string; readonly media: Media }
  | {
      readonly type: "endCall";
      readonly callId: string;
      readonly reason: "hangup" | "mediaFailed";
    };

/** What is counted; the others are not. */
export type ExtensionRequest =
  CallRequest | { readonly type: "listAccounts" } | { readonly type: "getIceServers" };

export type Aside =
  | { readonly type: "hello"; readonly instance: string; readonly resume?: Resume }
  | { readonly type: "ack"; readonly received: number }
  | { readonly type: "logout" };

/** How a call stands, after a new beginning. */
export interface CallView {
  readonly callId: string;
  readonly with: string;
  readonly outgoing: boolean;
  readonly stage: "ringing" | "held" | "elsewhere";
  readonly media: Media;
  readonly peers: readonly string[];
  readonly connected: boolean;
}

/** What is heard of a call. */
export type CallNotice =
  | { readonly type: "callRinging"; readonly callId: string; readonly to: string }
  | {
      readonly type: "incomingCall";
      readonly callId: string;
      readonly from: string;
      readonly media: Media;
    }
  | {
      readonly type: "callAccepted";
      readonly callId: string;
      readonly from: string;
      readonly media: Media;
    }
  | {
      readonly type: "callPeer" | "callPeerGone";
      readonly callId: string;
      readonly peerId: string;
    }
  | { readonly type: "callUpdated"; readonly callId: string; readonly media: Media }
  | { readonly type: "callAway" | "callBack"; readonly callId: string }
  | { readonly type: "callEnded"; readonly callId: string; readonly reason: EndReason };

/** What is heard in a room. This page is in none. */
export type RoomNotice =
  | { readonly type: "room"; readonly room: string; readonly peers: readonly string[] }
  | {
      readonly type: "roomPeerJoined" | "roomPeerLeft";
      readonly room: string;
      readonly peerId: string;
    }
  | {
      readonly type: "roomMessage";
      readonly room: string;
      readonly from: string;
      readonly text: string;
    };

/** What only the connection itself has to know. */
export type LinkMessage =
  | {
      readonly type: "welcome";
      readonly peerId: string;
      /** Null for a guest. */
      readonly account: string | null;
      /** Null where there is nothing to come back to. */
      readonly resumeToken: string | null;
      readonly iceServers: readonly RTCIceServer[];
    }
  | {
      readonly type: "resumed";
      readonly received: number;
      readonly resumeToken: string;
      readonly reset: boolean;
      readonly restarted: boolean;
    }
  | { readonly type: "ack"; readonly received: number }
  | { readonly type: "loggedOut" };

export type ExtensionMessage =
  | LinkMessage
  | CallNotice
  | RoomNotice
  | { readonly type: "accounts"; readonly accounts: readonly AccountInfo[] }
  | ({ readonly type: "presence" } & AccountInfo)
  | { readonly type: "accountGone"; readonly name: string }
  | {
      readonly type: "iceServers";
      readonly iceServers: readonly RTCIceServer[];
      /** Seconds; null: they do not change. */
      readonly ttl: number | null;
    }
  | {
      readonly type: "snapshot";
      readonly accounts: readonly AccountInfo[];
      readonly call: CallView | null;
      readonly sessions: readonly string[];
    }
  | { readonly type: "done" };

/** Reads a message of the extension; null when it is none. Throws {@link BadMessage}. */
export function parseExtension(type: string, fields: Fields): ExtensionMessage | null {
  switch (type) {
    case "welcome":
      return {
        type,
        peerId: fields.string("peerId"),
        account: fields.optionalString("account"),
        resumeToken: fields.optionalString("resumeToken"),
        iceServers: fields.any("iceServers") === undefined ? [] : iceServers(fields),
      };
    case "resumed":
      return {
        type,
        received: fields.number("received"),
        resumeToken: fields.string("resumeToken"),
        reset: fields.any("reset") === true,
        restarted: fields.any("restarted") === true,
      };
    case "ack":
      return { type, received: fields.number("received") };
    case "accounts":
      return { type, accounts: fields.objects("accounts").map(account) };
    case "presence":
      return { type, ...account(fields) };
    case "accountGone":
      return { type, name: fields.string("name") };
    case "iceServers": {
      const ttl = fields.any("ttl");
      return { type, iceServers: iceServers(fields), ttl: typeof ttl === "number" ? ttl : null };
    }
    case "snapshot": {
      const call = fields.any("call");
      return {
        type,
        accounts: fields.objects("accounts").map(account),
        call: call === null || call === undefined ? null : view(fields.object("call")),
        sessions: fields.strings("sessions"),
      };
    }
    case "room":
      return { type, room: fields.string("room"), peers: fields.strings("peers") };
    case "roomPeerJoined":
    case "roomPeerLeft":
      return { type, room: fields.string("room"), peerId: fields.string("peerId") };
    case "roomMessage":
      return {
        type,
        room: fields.string("room"),
        from: fields.string("from"),
        text: fields.string("text"),
      };
    case "done":
    case "loggedOut":
      return { type };
    default:
      return parseNotice(type, fields);
  }
}

function parseNotice(type: string, fields: Fields): CallNotice | null {
  switch (type) {
    case "callRinging":
      return { type, callId: fields.string("callId"), to: fields.string("to") };
    case "incomingCall":
    case "callAccepted":
      return {
        type,
        callId: fields.string("callId"),
        from: fields.string("from"),
        media: media(fields),
      };
    case "callPeer":
    case "callPeerGone":
      return { type, callId: fields.string("callId"), peerId: fields.string("peerId") };
    case "callUpdated":
      return { type, callId: fields.string("callId"), media: media(fields) };
    case "callAway":
    case "callBack":
      return { type, callId: fields.string("callId") };
    case "callEnded":
      return { type, callId: fields.string("callId"), reason: oneOf(fields, "reason", REASONS) };
    default:
      return null;
  }
}

const REASONS: readonly EndReason[] = [
  "hangup",
  "rejected",
  "busy",
  "noAnswer",
  "cancelled",
  "disconnected",
  "mediaFailed",
  "answeredElsewhere",
  "loggedOut",
  "incompatible",
];
const KINDS: readonly Kind[] = ["user", "device", "admin"];
const STATUSES: readonly Status[] = ["disconnected", "available", "busy"];
const STAGES: readonly CallView["stage"][] = ["ringing", "held", "elsewhere"];

function account(fields: Fields): AccountInfo {
  return {
    name: fields.string("name"),
    kind: oneOf(fields, "kind", KINDS),
    label: fields.optionalString("label"),
    status: oneOf(fields, "status", STATUSES),
    callable: fields.any("callable") === true,
  };
}

function view(fields: Fields): CallView {
  return {
    callId: fields.string("callId"),
    with: fields.string("with"),
    outgoing: fields.any("outgoing") === true,
    stage: oneOf(fields, "stage", STAGES),
    media: media(fields),
    peers: fields.strings("peers"),
    connected: fields.any("connected") === true,
  };
}

function media(fields: Fields): Media {
  const of = fields.object("media");
  return { audio: of.any("audio") === true, video: of.any("video") === true };
}

function iceServers(fields: Fields): RTCIceServer[] {
  return fields.objects("iceServers").map((server) => {
    const username = server.optionalString("username");
    const credential = server.optionalString("credential");
    return {
      urls: server.strings("urls"),
      ...(username !== null && { username }),
      ...(credential !== null && { credential }),
    };
  });
}

function oneOf<T extends string>(fields: Fields, name: string, known: readonly T[]): T {
  const value = fields.string(name);
  const found = known.find((one) => one === value);
  if (found === undefined) throw new BadMessage(`bad field ${name}`);
  return found;
}
